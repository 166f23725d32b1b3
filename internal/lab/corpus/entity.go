package corpus

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// entity is a MIME entity as a tolerant mail client reads it. This reading is on purpose another one than the composer's:
// it knows nothing of canonical forms, has no limits, and decodes everything.
type entity struct {
	number string
	header []field
	// start, body and end are offsets in the text that the entity was read from: of its header, its body and behind it.
	start, body, end int
	text             []byte
	parts            []*entity
	// sealed is set for what must not change by an octet, since it is signed or encrypted itself, and for all in it.
	sealed bool
}

// field is one header field, unfolded.
type field struct{ name, value string }

// deepest bounds the recursion of the reader, not what is valid.
const deepest = 2000

// readEntity reads a message, or an entity of one.
func readEntity(text []byte) *entity {
	e := &entity{text: text, end: len(text)}
	e.read("text/plain", 0)
	return e
}

func (e *entity) read(assumed string, depth int) {
	e.header, e.body = readHeader(e.text, e.start, e.end)
	if e.get("Content-Type") == "" {
		e.header = append(e.header, field{"Content-Type", assumed})
	}
	typ := e.mediaType()
	e.sealed = e.sealed || typ == "multipart/signed" || typ == "multipart/encrypted"
	switch {
	case depth > deepest:
	case strings.HasPrefix(typ, "multipart/"):
		e.readParts(typ, depth)
	case (typ == "message/rfc822" || typ == "message/global") && e.decoding() == identity:
		e.add("", e.body, e.end, "text/plain", depth)
	}
}

func (e *entity) add(number string, start, end int, assumed string, depth int) {
	part := &entity{number: e.number + number, text: e.text, start: start, end: end, sealed: e.sealed}
	part.read(assumed, depth+1)
	e.parts = append(e.parts, part)
}

// readParts cuts a multipart at its delimiter lines (RFC 2046, section 5.1.1).
func (e *entity) readParts(typ string, depth int) {
	boundary := contentParameter(e.get("Content-Type"), "boundary")
	if strings.TrimRight(boundary, " \t") == "" {
		return
	}
	assumed := "text/plain"
	if typ == "multipart/digest" {
		assumed = "message/rfc822"
	}
	start := -1
	finish := func(end int) {
		if start >= 0 {
			e.add(fmt.Sprintf("/%d", len(e.parts)+1), start, max(start, end), assumed, depth)
		}
	}
	for at := e.body; at < e.end; {
		next := lineAfter(e.text, at, e.end)
		delimiter, last := isDelimiter(string(e.text[at:next]), boundary)
		if delimiter {
			finish(beforeLineEnd(e.text, at))
			if start = next; last {
				return
			}
		}
		at = next
	}
	finish(max(e.body, beforeLineEnd(e.text, e.end))) // as if the close delimiter stood there
}

// isDelimiter compares a line with a boundary. Blanks behind either do not count.
func isDelimiter(line, boundary string) (delimiter, last bool) {
	const blanks = " \t\r\n"
	rest, found := strings.CutPrefix(strings.TrimRight(line, blanks), "--"+strings.TrimRight(boundary, blanks))
	if !found {
		return false, false
	}
	behind, _ := strings.CutPrefix("--"+boundary+"--", "--"+strings.TrimRight(boundary, blanks))
	last = rest == "--" || rest == behind
	return rest == "" || last, last
}

// lineAfter returns where the line behind the one at at begins.
func lineAfter(text []byte, at, end int) int {
	if i := bytes.IndexByte(text[at:end], '\n'); i >= 0 {
		return at + i + 1
	}
	return end
}

// beforeLineEnd returns the offset of the line end in front of at.
func beforeLineEnd(text []byte, at int) int {
	if at > 0 && text[at-1] == '\n' {
		at--
		if at > 0 && text[at-1] == '\r' {
			at--
		}
	}
	return at
}

// readHeader reads the fields from start on, and returns where the body begins. What is no field ends the header.
func readHeader(text []byte, start, end int) (header []field, body int) {
	at := start
	for at < end {
		next := lineAfter(text, at, end)
		line := strings.TrimRight(string(text[at:next]), "\r\n")
		if line == "" {
			return header, next
		}
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !found || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return header, at
		}
		folded := []string{value}
		for next < end && (text[next] == ' ' || text[next] == '\t') {
			at, next = next, lineAfter(text, next, end)
			folded = append(folded, strings.TrimRight(string(text[at:next]), "\r\n"))
		}
		header = append(header, field{name, strings.Trim(strings.Join(folded, ""), " \t")})
		at = next
	}
	return header, end
}

// get returns the first field of a name.
func (e *entity) get(name string) string {
	for _, f := range e.header {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// mediaType returns the type in lower case, and text/plain for what is none (RFC 2045, section 5.2). Of what is no word
// but has a kind of text in it, such as "<text/html>", it is that one.
func (e *entity) mediaType() string {
	words := strings.FieldsFunc(strings.ToLower(e.get("Content-Type")), func(r rune) bool { return strings.ContainsRune(" \t;(", r) })
	if len(words) == 0 || words[0][0] == ';' {
		return "text/plain"
	}
	main, sub, _ := strings.Cut(words[0], "/")
	if main == "" || sub == "" || strings.ContainsFunc(words[0], func(r rune) bool { return r >= 0x7f }) {
		return "text/plain"
	}
	if text := textInIt.FindString(words[0]); text != "" && strings.ContainsAny(words[0], `<>@,:\"[]?=`) {
		return text
	}
	return words[0]
}

var textInIt = regexp.MustCompile(`\btext/[a-z0-9.+-]+`)
