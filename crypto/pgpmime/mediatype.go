package pgpmime

import (
	"mime"
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// parameter is one parameter of a structured field: Content-Type or Content-Disposition (RFC 2045, section 5.1).
type parameter struct {
	name  string // in lower case, with the "*" of RFC 2231
	value string // without quotes
	raw   string // as it stands between two semicolons, white space and folding included
}

// parameters is a value such as `text/plain; charset="us-ascii"`. Clients read much that breaks the grammar, so it is
// cut at its semicolons and nowhere judged.
type parameters struct {
	first string // raw, what stands before the first semicolon
	list  []parameter
}

// parseParameters cuts a raw value. It keeps all of it but empty parameters.
func parseParameters(value string) parameters {
	var p parameters
	for i, raw := range splitParameters(value) {
		if i == 0 {
			p.first = raw
			continue
		}
		text := strings.Trim(raw, " \t\r\n")
		name, val, _ := strings.Cut(text, "=")
		if text != "" {
			p.list = append(p.list, parameter{
				name:  strings.ToLower(strings.TrimRight(name, " \t\r\n")),
				value: unquote(strings.TrimLeft(val, " \t\r\n")),
				raw:   raw,
			})
		}
	}
	return p
}

// get returns the first parameter of that name.
func (p parameters) get(name string) string {
	for _, q := range p.list {
		if q.name == name {
			return q.value
		}
	}
	return ""
}

// has reports whether there is a parameter in any form: name, name*, name*0 or name*0* (RFC 2231).
func (p parameters) has(name string) bool {
	return slices.ContainsFunc(p.list, func(q parameter) bool {
		base, _, _ := strings.Cut(q.name, "*")
		return base == name
	})
}

// without drops a parameter in every form: name, name*, name*0 and name*0* (RFC 2231).
func (p parameters) without(names ...string) parameters {
	kept := parameters{first: p.first}
	for _, q := range p.list {
		base, _, _ := strings.Cut(q.name, "*")
		if !slices.Contains(names, base) {
			kept.list = append(kept.list, q)
		}
	}
	return kept
}

// String returns the raw value.
func (p parameters) String() string {
	var b strings.Builder
	b.WriteString(p.first)
	for _, q := range p.list {
		b.WriteByte(';')
		b.WriteString(q.raw)
	}
	return b.String()
}

// mediaType is what a Content-Type says.
type mediaType struct {
	// main and sub are in lower case, both "" if the type cannot be read.
	main, sub string
	parameters
	// boundary is the delimiter of a multipart, "" if there is none. Blanks at its end, which nobody may rely on, are
	// in gap.
	boundary, gap string
}

// parseMediaType reads the first Content-Type of a header. Without one the type is the assumed one.
func parseMediaType(h mail.Header, assumed string) mediaType {
	value := assumed
	if fields := h.All("Content-Type"); len(fields) > 0 {
		value = strings.Join(cleanLines(fields[0].Value), "\r\n") // as it will be
	}
	t := mediaType{parameters: parseParameters(value)}
	first, _, _ := strings.Cut(t.first, "(")
	if words := strings.Fields(strings.ToLower(first)); len(words) > 0 {
		main, sub, found := strings.Cut(words[0], "/")
		if found && main != "" && sub != "" {
			t.main, t.sub = main, sub
		}
	}
	if t.main == "multipart" {
		boundary := t.get("boundary")
		if boundary == "" {
			// The pieces of RFC 2231, section 3: rare, so the standard library may judge the whole field.
			if _, params, err := mime.ParseMediaType(value); err == nil {
				boundary = params["boundary"]
			}
		}
		t.boundary = strings.TrimRight(boundary, " \t")
		t.gap = boundary[len(t.boundary):]
	}
	return t
}

func (t mediaType) is(main, sub string) bool { return t.main == main && t.sub == sub }

// isReadable reports whether the type has the two names of RFC 2045, section 5.1.
func (t mediaType) isReadable() bool {
	return isToken(t.main) && isToken(t.sub)
}

// isToken reports whether s is a word that needs no quotes (RFC 2045, section 5.1).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// isText reports whether the content is lines of text in a charset that has CR and LF as single octets.
func (t mediaType) isText() bool {
	charset := strings.ToLower(t.get("charset"))
	for _, wide := range []string{"utf-16", "utf16", "utf-32", "utf32", "ucs-", "iso-10646-ucs", "csunicode"} {
		if strings.HasPrefix(charset, wide) {
			return false
		}
	}
	return t.main == "text"
}

// maxBoundary is far above the 70 octets of RFC 2046, section 5.1.1, which some programs ignore.
const maxBoundary = 250

// hasFitBoundary reports whether the delimiter lines can be lines of the canonical form.
func (t mediaType) hasFitBoundary() bool {
	return t.gap == "" && len(t.boundary) <= maxBoundary &&
		!strings.ContainsFunc(t.boundary, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// splitParameters cuts s at the semicolons outside quoted strings. A quoted string begins behind "="; one that
// does not end is ended. Comments are rare in these fields, unquoted parentheses in file names are not, so a
// parenthesis means nothing here.
func splitParameters(s string) []string {
	var pieces []string
	var last byte // that is not white space
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quoted:
			i++
		case c == '"' && (quoted || last == '='):
			quoted = !quoted
		case c == ';' && !quoted:
			pieces = append(pieces, s[start:i])
			start = i + 1
		}
		if strings.IndexByte(" \t\r\n", c) < 0 {
			last = c
		}
	}
	piece := s[start:]
	if quoted {
		piece = strings.TrimRight(piece, " \t\r\n\\") + `"`
	}
	return append(pieces, piece)
}

// unquote reads a quoted string without its folding; anything else is returned as it is.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '\r' || s[i] == '\n':
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
