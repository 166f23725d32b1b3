package wiring

import "strings"

// words splits a Postfix list at white space and commas, or at white space alone. What stands in braces is one word with
// its braces (postconf(5), "{ name = value }"); braces that do not match take the rest.
func words(s, separators string) []string {
	var all []string
	for _, span := range spans(s, separators) {
		all = append(all, s[span[0]:span[1]])
	}
	return all
}

const (
	listSeparators = ", \t\r\n" // of lists in values
	lineSeparators = " \t\r\n"  // of fields in master.cf
)

// spans returns where the words of s begin and end.
func spans(s, separators string) [][2]int {
	var all [][2]int
	for i := 0; i < len(s); {
		if strings.IndexByte(separators, s[i]) >= 0 {
			i++
			continue
		}
		start := i
		if s[i] == '{' {
			i = closing(s, i)
		} else {
			for i < len(s) && strings.IndexByte(separators, s[i]) < 0 {
				i++
			}
		}
		all = append(all, [2]int{start, i})
	}
	return all
}

// closing returns the place behind the brace that closes the one at i, or the end.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// unbraced takes the braces off a word that has them, and white space around what is in them.
func unbraced(word string) string {
	if inner, found := strings.CutPrefix(word, "{"); found {
		return strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	return word
}

// balanced reports whether every brace has its counterpart.
func balanced(s string) bool {
	depth := 0
	for _, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// nameAndValue reads "name = value", the form of every setting. Without "=" all of it is the name.
func nameAndValue(s string) (name, value string, found bool) {
	name, value, found = strings.Cut(s, "=")
	return strings.TrimSpace(name), strings.TrimSpace(value), found
}

// oneLine joins the lines of a value.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
