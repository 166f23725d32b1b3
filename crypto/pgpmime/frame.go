package pgpmime

import "bytes"

// Some readers (GMime, and notmuch with it) verify a signature not over the octets that have come but over those that they
// write themselves of what they have read. They are equal only if every multipart has the frame that such a reader
// writes: one line end behind the close delimiter, at most one line of text before the first delimiter and behind the
// last, and an empty line behind each header, even where nothing follows. Readers discard the text (RFC 2046, section
// 5.1.1), and the rest changes no content.

// looseFrame reports whether the text around the parts, or the end, is not in this form.
func (m *multipart) looseFrame() bool {
	return m.preamble != nil && !isPlainLine(m.preamble) || m.epilogue == nil || !isPlainLine(m.epilogue)
}

// isPlainLine reports whether b is one line, or nothing, that is in the canonical form.
func isPlainLine(b []byte) bool {
	return bytes.IndexByte(b, '\n') < 0 && lineFaults(b) == 0
}

// endsHeader reports whether the head of a part or message ends with the empty line.
func endsHeader(head []byte) bool {
	rest := trimLineEnd(head)
	return len(rest) < len(head) && (len(rest) == 0 || rest[len(rest)-1] == '\n')
}

// renderFrame writes a multipart with this frame around its parts.
func (e *entity) renderFrame(r *rendered, part func(i int)) {
	m := e.multipart
	if m.preamble != nil && isPlainLine(m.preamble) {
		r.crlf(m.preamble)
		r.text("\r\n")
	}
	for i := range m.parts {
		r.text("--" + e.media.boundary + "\r\n")
		part(i)
		r.text("\r\n")
	}
	r.text("--" + e.media.boundary + "--\r\n")
	if line := trimLineEnd(m.epilogue); isPlainLine(line) {
		r.crlf(line)
	}
}

// renderKept writes an opaque entity with this frame around parts that stay as they are. What is in a sealed one may be
// signed with its own frames.
func (e *entity) renderKept(r *rendered) {
	switch {
	case e.parts == nil:
		r.crlf(e.body)
	case e.isSealed():
		e.renderFrame(r, func(i int) { r.crlf(e.multipart.parts[i]) })
	case e.media.main == "message":
		r.crlf(e.parts[0].head)
		e.parts[0].renderKept(r)
	default:
		e.renderFrame(r, func(i int) {
			r.crlf(e.parts[i].head)
			e.parts[i].renderKept(r)
		})
	}
}
