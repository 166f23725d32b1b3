package event

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ats are where an address has its "@", as it is or as URLs and JSON write it.
var ats = regexp.MustCompile(`@|%(?:25)*40|\\u0040`)

// longestLocal is how far the beginning of a quoted local part is looked for, in octets. It has 64 (RFC 5321, section
// 4.5.3.1.1), and more where it is quoted once more.
const longestLocal = 1024

// mailboxes puts tokens in the place of everything that stands around an "@", generously. It goes from the last to the
// first, for a quoted local part may have more of them in it.
func (h *Hider) mailboxes(text string) string {
	all := ats.FindAllStringIndex(text, -1)
	var pieces []string
	end := len(text) // of what is not in pieces yet
	for _, at := range slices.Backward(all) {
		if at[1] > end {
			continue // in the local part of another
		}
		start, stop := localStart(text, at[0]), domainEnd(text[:end], at[1])
		if start == at[0] && stop == at[1] || start == at[0] && at[1]-at[0] == 1 {
			continue // nobody
		}
		before, match := folders(text[start:stop])
		start += len(before)
		bare := strings.TrimRight(match, ".")
		token := h.Person(readable(bare, text[at[0]:at[1]]))
		if at[1]-at[0] > 1 { // what stands behind it may belong to a local part, and be no domain
			token, _, _ = strings.Cut(token, "@")
		}
		pieces = append(pieces, text[stop-(len(match)-len(bare)):end], token)
		end = start
	}
	slices.Reverse(pieces)
	return text[:end] + strings.Join(pieces, "")
}

// readable returns an address as people write it, as far as possible; at is how its "@" is written.
func readable(match, at string) string {
	if strings.HasPrefix(match, `\"`) {
		if plain, err := strconv.Unquote(`"` + match + `"`); err == nil {
			match = plain
		}
	}
	return strings.Replace(match, at, "@", 1)
}

// delimiters are in no local part but a quoted one.
const delimiters = " <>()[],;:\"@"

func delimits(c byte) bool { return c < ' ' || c == 0x7f || strings.IndexByte(delimiters, c) >= 0 }

// localStart returns where the local part in front of at begins; at for none.
func localStart(text string, at int) int {
	if at > 0 && text[at-1] == '"' {
		return quoteStart(text, at-1)
	}
	start := at
	for start > 0 && !delimits(text[start-1]) {
		start--
	}
	// A quote is of the text that the address stands in, rather than of the address.
	for start < at && text[start] == '\'' {
		start++
	}
	return start
}

// quoteStart returns where the quoted local part begins whose last quote is at end. In a text that is quoted itself, each of
// the two has a backslash in front, which belongs to it.
func quoteStart(text string, end int) int {
	nested := backslashes(text, end)%2 == 1
	for i := end - 1; i >= max(0, end-longestLocal); i-- {
		if text[i] != '"' {
			continue
		}
		switch n := backslashes(text, i); {
		case n == 0:
			return i
		case n == 1 && nested:
			return i - 1
		}
	}
	start := end
	for start > 0 && text[start-1] > ' ' {
		start--
	}
	return start
}

// backslashes returns how many of them are in front of i.
func backslashes(text string, i int) int {
	return i - len(strings.TrimRight(text[:i], `\`))
}

// domainEnd returns where the domain ends that begins at start; start for none.
func domainEnd(text string, start int) int {
	if strings.HasPrefix(text[start:], "[") {
		if n := strings.IndexAny(text[start:], "] \t\n"); n > 0 && text[start+n] == ']' {
			return start + n + 1
		}
	}
	end := start
	for end < len(text) && !delimits(text[end]) && strings.IndexByte(`'/?&=\`, text[end]) < 0 {
		end++
	}
	return end
}

// roots are where the program's files may be. A local part can begin with a slash, too, but hardly so.
var roots = regexp.MustCompile(`^/(?:etc|var|run|usr|opt|srv|tmp|mnt|root)/(?:[A-Za-z0-9._-]+/)*`)

// folders returns the path in front of the name of a file, which stays.
func folders(match string) (path, rest string) {
	path = roots.FindString(match)
	return path, match[len(path):]
}
