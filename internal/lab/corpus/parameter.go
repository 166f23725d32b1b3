package corpus

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// contentParameter returns a parameter of a structured field in UTF-8, in whichever of its forms it is there: as it is, in
// encoded words as many clients write it, or extended and in pieces (RFC 2231).
func contentParameter(value, name string) string {
	all := parameters(value)
	if v, found := all[name+"*"]; found {
		return decodeExtended(v, true)
	}
	var whole strings.Builder
	for i := 0; ; i++ {
		piece := fmt.Sprintf("%s*%d", name, i)
		if v, found := all[piece+"*"]; found {
			whole.WriteString(decodeExtended(v, i == 0))
		} else if v, found := all[piece]; found {
			whole.WriteString(v)
		} else {
			break
		}
	}
	if whole.Len() > 0 {
		return whole.String()
	}
	return decodeWords(all[name])
}

// parameters cuts a value at its semicolons. Names are in lower case, and the first of several counts.
func parameters(value string) map[string]string {
	all := make(map[string]string)
	_, rest, _ := strings.Cut(value, ";")
	for rest != "" {
		var name string
		end := strings.IndexAny(rest, "=;")
		if end < 0 {
			break
		}
		if name = strings.ToLower(strings.TrimSpace(rest[:end])); rest[end] == ';' {
			rest = rest[end+1:]
			continue
		}
		rest = strings.TrimLeft(rest[end+1:], " \t")
		var v string
		if strings.HasPrefix(rest, `"`) {
			v, rest = quotedString(rest)
			_, rest, _ = strings.Cut(rest, ";")
		} else {
			v, rest, _ = strings.Cut(rest, ";")
			v = strings.TrimSpace(v)
		}
		if _, found := all[name]; !found {
			all[name] = v
		}
	}
	return all
}

// quotedString reads a quoted string, which the end ends, too.
func quotedString(s string) (content, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.TrimRight(b.String(), " \t"), ""
}

// decodeExtended resolves the percent signs, and takes the charset off the first piece.
func decodeExtended(v string, first bool) string {
	if first {
		if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
			v = parts[2]
		}
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// encodedWord is one of RFC 2047, section 2.
var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?([bBqQ])\?([^?]*)\?=(\s+(=\?[^?\s]+\?[bBqQ]\?[^?]*\?=))?`)

// decodeWords resolves encoded words (RFC 2047) into the octets in them, whatever their charset is.
func decodeWords(s string) string {
	var b strings.Builder
	for {
		at := encodedWord.FindStringSubmatchIndex(s)
		if at == nil {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:at[0]])
		text := []byte(s[at[4]:at[5]])
		if strings.EqualFold(s[at[2]:at[3]], "b") {
			b.Write(decodeBase64(text))
		} else {
			b.Write(decodeQuoted(bytes.ReplaceAll(text, []byte("_"), []byte("=20"))))
		}
		if at[8] >= 0 { // white space between two of them is no text
			s = s[at[8]:]
		} else {
			s = s[at[1]:]
		}
	}
}
