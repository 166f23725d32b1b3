package pgpmime

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// wordWriter replaces words of a header field by encoded words (RFC 2047). Readers drop the white space between two
// encoded words, so neighbours are encoded as one run together with it.
type wordWriter struct {
	out     strings.Builder
	run     []byte // words to be encoded
	encoded bool   // the last word in out is an encoded one that was there before
}

// encode adds a word to the current run.
func (w *wordWriter) encode(space, word string) {
	switch {
	case len(w.run) > 0:
		w.run = append(append(w.run, space...), word...)
	case w.encoded && space != "":
		w.out.WriteByte(' ')
		w.run = append(append(w.run, space...), word...)
	default:
		if space == "" && w.out.Len() > 0 {
			space = " "
		}
		w.out.WriteString(space)
		w.run = append(w.run, word...)
	}
}

// keep adds what stays as it is.
func (w *wordWriter) keep(space, word string) {
	encoded := strings.HasPrefix(word, "=?") && strings.HasSuffix(word, "?=")
	if len(w.run) > 0 {
		if encoded {
			w.run = append(w.run, space...)
		}
		w.flush()
		if space == "" && word != "" {
			space = " "
		}
	}
	w.out.WriteString(space)
	w.out.WriteString(word)
	w.encoded = encoded
}

func (w *wordWriter) flush() {
	w.out.WriteString(encodedWords(string(w.run)))
	w.run = w.run[:0]
}

func (w *wordWriter) String() string {
	w.flush()
	return w.out.String()
}

// encodedWords encodes text as encoded words of at most 75 characters (RFC 2047, section 2) in base64, which fits
// into every place where encoded words may stand. Octets of an unknown charset are labelled as such (RFC 1428,
// section 3).
func encodedWords(text string) string {
	charset, most := "utf-8", 45
	if !utf8.ValidString(text) {
		charset, most = "unknown-8bit", 42
	}
	var words []string
	for text != "" {
		n := min(len(text), most)
		for n < len(text) && charset == "utf-8" && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, "=?"+charset+"?B?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, " ")
}

// encodeText encodes the words of an unstructured field that need it.
func encodeText(value string) string {
	var w wordWriter
	for value != "" {
		word := strings.TrimLeft(value, " \t")
		space := value[:len(value)-len(word)]
		if end := strings.IndexAny(word, " \t"); end >= 0 {
			word = word[:end]
		}
		value = value[len(space)+len(word):]
		w.add(space, word)
	}
	return w.String()
}

// add keeps a word if it can stay, with an encoded word in it repaired, and encodes it otherwise.
func (w *wordWriter) add(space, word string) {
	word = repairedWord(word)
	if mustEncode(word) {
		w.encode(space, word)
	} else {
		w.keep(space, word)
	}
}

// repairedWord returns an encoded word in quoted-printable with the octets escaped in it that should have been. Encoded once
// more it would be shown as it stands. Anything else is returned as it is.
func repairedWord(word string) string {
	fields := strings.SplitN(word, "?", 5)
	if len(fields) != 5 || fields[0] != "=" || !strings.EqualFold(fields[2], "q") || fields[4] != "=" || is7bit(word) || !is7bit(fields[1]) {
		return word
	}
	var b strings.Builder
	for i := range len(word) {
		if c := word[i]; c < 0x80 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'=', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

// encodePhrases encodes the phrases and comments of a structured field (RFC 2047, section 5, rules 2 and 3). Addresses
// stay: there is no 7-bit form of a UTF-8 local part.
func encodePhrases(value string) string {
	var w wordWriter
	before := ""
	for value != "" {
		rest := strings.TrimLeft(value, " \t")
		space := value[:len(value)-len(rest)]
		token := firstToken(rest)
		value = rest[len(token):]
		if space == "" && mayPart(before, token) {
			space = " " // so that a list without any white space can be folded
		}
		before = token
		switch {
		case token == "" || !mustEncode(token):
			w.keep(space, token)
		case token[0] == '(':
			content := strings.TrimSuffix(token[1:], ")")
			w.keep(space, "("+encodedWords(unescape(content))+")")
		case token[0] == '"' && (value == "" || value[0] != '@' && value[0] != '.'):
			w.encode(space, unquote(token))
		case token[0] == '"' || token[0] == '<' || strings.Contains(token, "@"):
			w.keep(space, token)
		default:
			w.add(space, token)
		}
	}
	return w.String()
}

// mayPart reports whether white space between two tokens means nothing where addresses and message identifiers stand (RFC
// 5322, sections 3.4 and 3.6.4).
func mayPart(before, after string) bool {
	return before == "," || before == ";" || strings.HasPrefix(before, "<") && strings.HasPrefix(after, "<")
}

// firstToken returns a comment, a quoted string, what stands in angle brackets, a separator, or a run of other
// characters: a word of a phrase or an address.
func firstToken(s string) string {
	if s == "" {
		return ""
	}
	switch s[0] {
	case '(':
		return s[:commentEnd(s)]
	case '"':
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return s[:i+1]
			}
		}
		return s
	case '<':
		if i := strings.IndexByte(s, '>'); i >= 0 {
			return s[:i+1]
		}
		return s
	case ')', '>', ',', ';', ':':
		return s[:1]
	}
	if i := strings.IndexAny(s, " \t\"(<>,;:)"); i >= 0 {
		return s[:i]
	}
	return s
}

// commentEnd returns the length of the comment that s begins with.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// unescape resolves quoted pairs (RFC 5322, section 3.2.1).
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
