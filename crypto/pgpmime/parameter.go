package pgpmime

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// encodeParameters encodes the parameters of an unfolded value that need it as RFC 2231, section 4, has it.
func encodeParameters(value string) (string, error) {
	if len(value) > maxContentType {
		return "", fmt.Errorf("has more than %d octets", maxContentType)
	}
	p := parseParameters(value)
	if mustEncode(p.first) {
		p.first = encodeType(p.first)
	}
	for i, q := range p.list {
		switch {
		case !mustEncode(q.raw):
		case strings.Contains(q.name, "*") && is7bit(q.name) && len(q.name) <= mostPerPiece:
			p.list[i].raw = escapedParameter(q.name, q.value)
		case q.name == "" || len(q.name) > mostPerPiece || !is7bit(q.name) || strings.ContainsAny(q.name, " \t"):
			p.list[i].raw = " " + encodedWords(strings.TrimSpace(q.raw)) // nobody could read it, but nothing is lost
		default:
			p.list[i].raw = extendedParameter(q.name, q.value)
		}
	}
	return p.String(), nil
}

// encodeType encodes what stands where a type should, but for a type in US-ASCII that it begins with. Readers take the
// rest for text/plain, as before (RFC 2045, section 5.2). No quote is left without its other half.
func encodeType(first string) string {
	typ, rest, _ := strings.Cut(strings.TrimSpace(first), " ")
	if mustEncode(typ) || strings.Contains(typ, `"`) {
		return " " + encodedWords(strings.TrimSpace(first))
	}
	return " " + typ + " " + encodedWords(rest)
}

// escapedParameter returns a piece or an extended parameter with the octets escaped in it that should have been. A piece
// that was not extended becomes so; the charset is named in the first one only (RFC 2231, section 4.1).
func escapedParameter(name, value string) string {
	extended := strings.HasSuffix(name, "*")
	var b strings.Builder
	b.WriteString(" " + name)
	if !extended {
		b.WriteByte('*')
	}
	b.WriteByte('=')
	if !extended && strings.HasSuffix(name, "*0") {
		b.WriteString(charsetOf(value))
	}
	for i := range len(value) {
		if c := value[i]; isAttributeChar(c) || extended && (c == '%' || c == '\'') {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// charsetOf returns the begin of an extended value. Octets of an unknown charset name none.
func charsetOf(value string) string {
	if utf8.ValidString(value) {
		return "utf-8''"
	}
	return "''"
}

// mostPerPiece is about how long a name, and a piece of a value, may be for a line that is short.
const mostPerPiece = 50

// extendedParameter returns the parameter with a charset and percent-encoded octets, in several pieces if it is long
// (RFC 2231, sections 3 and 4).
func extendedParameter(name, value string) string {
	var pieces []string
	piece := charsetOf(value)
	for i := range len(value) {
		if len(piece) > mostPerPiece {
			pieces = append(pieces, piece)
			piece = ""
		}
		if c := value[i]; isAttributeChar(c) {
			piece += string(rune(c))
		} else {
			piece += fmt.Sprintf("%%%02X", c)
		}
	}
	if len(pieces) == 0 {
		return " " + name + "*=" + piece
	}
	var b strings.Builder
	for i, piece := range append(pieces, piece) {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s*%d*=%s", name, i, piece)
	}
	return b.String()
}

// isAttributeChar reports whether c is an attribute-char of RFC 2231, section 7, and as harmless elsewhere.
func isAttributeChar(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`{}~", c) >= 0
}
