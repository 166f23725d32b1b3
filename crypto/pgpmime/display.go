package pgpmime

import (
	"bytes"
	"html"
	"strings"

	"sealmilter/internal/mail"
)

// display puts the fields at the top of the text of encrypted copies (legacy display elements: RFC 9788, sections 2.1.2 and
// 5.2.2 to 5.2.5), and reports whether any part has them. The entity is in the canonical form already, and its signed
// copies stay as they are.
//
// A part that cannot have them is left as it is: the charset may lack a letter, or is not known.
func (e *entity) display(fields mail.Header) bool {
	switch {
	case len(fields) == 0 || e.isOpaque():
		return false
	case e.parts == nil:
		e.displayed = e.displaying(fields)
		return e.displayed != nil
	case e.media.is("multipart", "alternative"):
		for i := range e.parts {
			e.displayPart(i, fields)
		}
	case e.media.is("multipart", "mixed") || e.media.is("multipart", "related"):
		e.displayPart(0, fields)
	}
	return e.displays
}

// displayPart descends into a part that is, or has, the main body (RFC 9787, section 7.1).
func (e *entity) displayPart(i int, fields mail.Header) {
	if e.multipart.parts[i] != nil && e.parts[i].display(fields) {
		e.displays = true
	}
}

// inEncrypted returns the entity as encrypted copies have it.
func (e *entity) inEncrypted() *entity {
	if e.displayed != nil {
		return e.displayed
	}
	return e
}

// displaying returns a leaf with the fields at the top of its text, nil if it cannot have them.
func (e *entity) displaying(fields mail.Header) *entity {
	if e.isFile() {
		return nil
	}
	leaf := *e
	var ok bool
	switch {
	case e.media.is("text", "plain"):
		ok = leaf.insertText(fields)
	case e.media.is("text", "html"):
		ok = leaf.insertHTML(fields)
	}
	if !ok {
		return nil
	}
	leaf.media.parameters = leaf.media.parameters.without("hp-legacy-display")
	leaf.setField("Content-Type", leaf.media.parameters.String()+`; hp-legacy-display="1"`)
	if err := leaf.canonicalizeHeader(); err != nil {
		return nil
	}
	return &leaf
}

// isFile reports whether the leaf is an attachment, by its disposition (RFC 2183, section 2) or because it has a name.
func (e *entity) isFile() bool {
	disposition := parseParameters(e.header.Get("Content-Disposition"))
	switch strings.ToLower(strings.TrimSpace(disposition.first)) {
	case "", "inline":
		return len(disposition.without("filename").list) < len(disposition.list) ||
			len(e.media.parameters.without("name").list) < len(e.media.parameters.list)
	default:
		return true
	}
}

// insertText puts lines and an empty one before the text (RFC 9788, section 5.2.2). Text that begins with a message of
// OpenPGP is signed or encrypted already.
func (e *entity) insertText(fields mail.Header) bool {
	begin, _, ok := e.decodeOpening(maxPrefix)
	if !ok || bytes.HasPrefix(bytes.TrimLeft(begin, " \t\r\n"), []byte("-----BEGIN PGP ")) {
		return false
	}
	return e.insert(0, func(padding string) ([]byte, bool) {
		var b strings.Builder
		for _, f := range fields {
			// The padding is before the value: at the end, a blank would mean that the line goes on (RFC 3676, section 4.1).
			b.WriteString(f.Name + ":" + padding)
			if text := decodedText(f); text != "" {
				b.WriteString(" " + text)
			}
			b.WriteString("\r\n")
			padding = ""
		}
		return e.inCharset(b.String() + "\r\n")
	})
}

// insertHTML puts a div at the beginning of the body (RFC 9788, section 5.2.3). All of it is US-ASCII.
func (e *entity) insertHTML(fields mail.Header) bool {
	opening, end, ok := e.decodeOpening(maxOpening)
	if !ok || !e.media.isText() || !isASCIICompatible(e.media.get("charset")) {
		return false
	}
	at, found := bodyStart(opening, end == len(e.body))
	if !found {
		return false
	}
	var lines []string
	for _, f := range fields {
		lines = append(lines, f.Name+": "+inReferences(html.EscapeString(decodedText(f))))
	}
	return e.insert(at, func(padding string) ([]byte, bool) {
		return []byte("\r\n<div class=\"header-protection-legacy-display\">\r\n<pre>" + strings.Join(lines, "\r\n") + "</pre>\r\n" +
			padding + "</div>\r\n"), true
	})
}
