package pgpmime

import (
	"errors"
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
		return "", errors.New("does not begin with a type in US-ASCII")
	}
	for i, q := range p.list {
		switch {
		case !mustEncode(q.raw):
		case q.name == "" || len(q.name) > mostPerPiece || !is7bit(q.name) || strings.Contains(q.name, "*"):
			return "", errors.New("has a parameter that is not in US-ASCII and cannot be encoded")
		default:
			p.list[i].raw = extendedParameter(q.name, q.value)
		}
	}
	return p.String(), nil
}

// mostPerPiece is about how long a name, and a piece of a value, may be for a line that is short.
const mostPerPiece = 50

// extendedParameter returns the parameter with a charset and percent-encoded octets, in several pieces if it is long
// (RFC 2231, sections 3 and 4). Octets of an unknown charset name none.
func extendedParameter(name, value string) string {
	var pieces []string
	piece := "''"
	if utf8.ValidString(value) {
		piece = "utf-8''"
	}
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
