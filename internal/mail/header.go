package mail

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// Field is one header field, raw. Name, ":", Value and CRLF give back the octets that were received.
type Field struct {
	Name string
	// Value is all that follows the colon: usually a space first, folded lines joined by CRLF and their leading
	// white space, no CRLF at the end.
	Value string
}

// Text returns the value unfolded, without white space around it (RFC 5322, section 2.2.3). Encoded words stay as
// they are.
func (f Field) Text() string {
	return strings.TrimSpace(strings.ReplaceAll(f.Value, "\r\n", ""))
}

// Is reports whether the field has this name, whatever the case.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Header is the fields of a message in the order of the message.
type Header []Field

// Get returns the unfolded text of the first field of that name, "" if there is none.
func (h Header) Get(name string) string {
	for _, f := range h {
		if f.Is(name) {
			return f.Text()
		}
	}
	return ""
}

// All returns the fields of that name in order.
func (h Header) All(name string) []Field {
	var all []Field
	for _, f := range h {
		if f.Is(name) {
			all = append(all, f)
		}
	}
	return all
}

// Has reports whether a field of that name is there.
func (h Header) Has(name string) bool {
	return slices.ContainsFunc(h, func(f Field) bool { return f.Is(name) })
}

// Without returns a copy that lacks every field with one of the names.
func (h Header) Without(names ...string) Header {
	kept := make(Header, 0, len(h))
	for _, f := range h {
		if !slices.ContainsFunc(names, f.Is) {
			kept = append(kept, f)
		}
	}
	return kept
}

// AppendTo appends the fields as they stand in a message, each with its CRLF, without the empty line that ends a
// header.
func (h Header) AppendTo(b []byte) []byte {
	b = slices.Grow(b, int(h.Size()))
	for _, f := range h {
		b = append(b, f.Name...)
		b = append(b, ':')
		b = append(b, f.Value...)
		b = append(b, '\r', '\n')
	}
	return b
}

// Size returns the number of octets that [Header.AppendTo] appends.
func (h Header) Size() (n int64) {
	for _, f := range h {
		n += int64(len(f.Name) + len(":") + len(f.Value) + len("\r\n"))
	}
	return n
}

// WriteTo writes the fields as [Header.AppendTo] makes them.
func (h Header) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(h.AppendTo(nil))
	return int64(n), err
}

// SplitMessage cuts a message or MIME part into its raw fields and the body behind the empty line. Bare LF ends a
// line as CRLF does; values come back with CRLF. A line without a colon that does not continue a field ends the
// header, and belongs to the body, as MTAs and clients read it. The body aliases b.
func SplitMessage(b []byte) (Header, []byte) {
	var h Header
	for len(b) > 0 {
		line, rest := cutLine(b)
		if len(line) == 0 {
			return h, rest
		}
		name, _, found := bytes.Cut(line, []byte{':'})
		if !found || !isFieldName(bytes.TrimRight(name, " \t")) {
			return h, b
		}
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			_, rest = cutLine(rest)
		}
		value := b[len(name)+1 : len(b)-len(rest)]
		h = append(h, Field{Name: string(bytes.TrimRight(name, " \t")), Value: rawValue(value)})
		b = rest
	}
	return h, b
}

// rawValue takes the end off the last line and turns the other line ends into CRLF.
func rawValue(b []byte) string {
	if end, found := bytes.CutSuffix(b, []byte{'\n'}); found {
		b = bytes.TrimSuffix(end, []byte{'\r'})
	}
	if bytes.Count(b, []byte{'\n'}) > bytes.Count(b, []byte("\r\n")) {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte{'\n'}), []byte{'\n'}, []byte("\r\n"))
	}
	return string(b)
}

// cutLine returns the first line without its end, and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	return bytes.TrimSuffix(b[:i], []byte{'\r'}), b[i+1:]
}

// isFieldName holds to RFC 5322, section 3.6.8: printable US-ASCII but the colon.
func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}
