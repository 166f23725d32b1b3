package keys

import (
	"bytes"
	"unicode/utf8"
)

// isPolicy reports whether a text can be the policy file of a Web Key Directory (draft-koch-openpgp-webkey-service,
// section 4.5): lines that are empty, comments, or a keyword, perhaps with a colon and a value. What the keywords are
// does not matter.
func isPolicy(text []byte) bool {
	if !utf8.Valid(text) {
		return false
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		keyword, _, _ := bytes.Cut(line, []byte(":"))
		if !isKeyword(bytes.TrimRight(keyword, " \t")) {
			return false
		}
	}
	return true
}

// isKeyword reports whether s is a letter and then letters, digits, hyphens, dots and underscores.
func isKeyword(s []byte) bool {
	for i, c := range s {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		other := '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return len(s) > 0
}
