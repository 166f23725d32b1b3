package pgpmime

import (
	"bytes"
	"html"
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// display returns the entity with the fields at the top of its text (legacy display elements: RFC 9788, sections 2.1.2 and
// 5.2.2 to 5.2.5), nil if no part of it can have them: the charset may lack a letter, or is not known. The entity is in the
// canonical form already, and stays as it is.
func (e *entity) display(fields mail.Header) *entity {
	switch {
	case len(fields) == 0:
		return nil
	case e.parts == nil:
		return e.displayInLeaf(fields)
	case e.isOpaque():
		return nil
	case e.media.is("multipart", "alternative"):
		return e.displayInParts(fields, len(e.parts))
	case e.media.is("multipart", "mixed") || e.media.is("multipart", "related"):
		return e.displayInParts(fields, 1)
	}
	return nil
}

// displayInParts descends into the first parts, which are, or have, the main body (RFC 9787, section 7.1).
func (e *entity) displayInParts(fields mail.Header, n int) *entity {
	displaying := *e
	displaying.rendering, displaying.parts = rebuilt, slices.Clone(e.parts)
	found := false
	for i, part := range e.parts[:n] {
		if e.multipart.parts[i] == nil {
			continue
		}
		if part := part.display(fields); part != nil {
			displaying.parts[i], found = part, true
		}
	}
	if !found {
		return nil
	}
	return &displaying
}

// displayInLeaf is display for a leaf.
func (e *entity) displayInLeaf(fields mail.Header) *entity {
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
	leaf.setField("Content-Type", leaf.media.parameters.withClaims(` hp-legacy-display="1"`).String())
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
		return disposition.has("filename") || e.media.parameters.has("name")
	default:
		return true
	}
}

// insertText puts lines and an empty one before the text (RFC 9788, section 5.2.2). Text that begins with a message of
// OpenPGP is signed or encrypted already, and what has a NUL is a file that is called text.
func (e *entity) insertText(fields mail.Header) bool {
	begin, _, ok := e.decodeOpening(maxPrefix)
	if !ok || bytes.IndexByte(begin, 0) >= 0 || bytes.HasPrefix(bytes.TrimLeft(begin, " \t\r\n"), []byte("-----BEGIN PGP ")) {
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
