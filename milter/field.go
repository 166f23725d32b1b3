package milter

import (
	"bytes"
	"strings"
)

// isField reports whether the data of a header frame is one field that could be written back into a header: a name, NUL,
// a value, NUL. The library would skip a value with a NUL in silence. A bare CR, of which old MTAs know nothing, cannot be
// written back: that must not show when copies of the message have left.
func isField(data []byte) bool {
	name, rest, _ := bytes.Cut(data, []byte{0})
	value, end, ended := bytes.Cut(rest, []byte{0})
	return ended && len(end) == 0 && isFieldName(string(name)) && isFolded(string(value)) && !hasBareCR(string(value))
}

// isFieldName holds to RFC 5322, section 3.6.8: printable US-ASCII but the colon.
func isFieldName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return name != ""
}

// isFolded reports whether every further line of a value begins with white space, so that it neither ends the header nor
// begins a field of its own. Lines end in LF or CRLF.
func isFolded(value string) bool {
	for {
		_, rest, more := strings.Cut(value, "\n")
		if !more {
			return true
		}
		if !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "\t") {
			return false
		}
		value = rest
	}
}

// hasBareCR reports whether a value has a CR that ends no line.
func hasBareCR(value string) bool { return strings.Contains(withLF(value), "\r") }

// withCRLF is for values from the MTA, whose lines end in LF or CRLF.
func withCRLF(value string) string {
	return strings.ReplaceAll(withLF(value), "\n", "\r\n")
}

// withLF is for values to the MTA: Postfix and sendmail end lines with LF and would show a CR.
func withLF(value string) string {
	return strings.ReplaceAll(value, "\r\n", "\n")
}
