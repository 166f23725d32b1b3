package pgpmime

import (
	"strings"

	"sealmilter/internal/mail"
)

// entity is one MIME entity (RFC 2045, section 2.4): the message itself, a part, or the message in a message/rfc822
// part. Its slices alias the message until it is brought into the canonical form.
type entity struct {
	number string // "2.1", "" for the message
	nested bool   // it is the message in a message/rfc822 or message/global
	header mail.Header
	head   []byte // the header as it stands, with the empty line; unused for the message
	body   []byte
	inner  []byte // the header that went into the content with the body, nil if none did

	media    mediaType
	encoding string // in lower case, "" if there is none
	identity bool   // the encoding encodes nothing

	// A composite entity has parts: a multipart its parts, a message/rfc822 or message/global its message.
	multipart multipart
	parts     []*entity
	unread    bool // it was not looked whether it has some

	headFaults, bodyFaults faults
	headChanged            bool
	rendering              rendering

	insertion *insertion // what is not in the body yet, nil for nothing
}

// holdsMessage reports whether the body is a message that can be read as it stands.
func (e *entity) holdsMessage() bool {
	return e.identity && (e.media.is("message", "rfc822") || e.media.is("message", "global"))
}

// isSealed reports whether the entity is opaque to everybody but its reader (RFC 1847, section 2).
func (e *entity) isSealed() bool {
	return e.parts != nil && (e.media.is("multipart", "signed") || e.media.is("multipart", "encrypted"))
}

// holdsSealed reports whether there is a sealed entity in it, at any depth.
func (e *entity) holdsSealed() bool {
	for _, part := range e.parts {
		if part.isSealed() || part.holdsSealed() {
			return true
		}
	}
	return false
}

// setEncoding labels the body. A label counts in a MIME message only (RFC 2045, section 4).
func (e *entity) setEncoding(encoding string) {
	e.headFaults &^= mislabelled
	e.setField("Content-Transfer-Encoding", " "+encoding)
	if e.nested && !e.header.Has("MIME-Version") {
		e.setField("MIME-Version", " 1.0")
	}
}

// setField replaces the first field of that name and drops the others.
func (e *entity) setField(name, value string) {
	e.headChanged = true
	header := e.header
	e.header = make(mail.Header, 0, len(header)+1)
	done := false
	for _, f := range header {
		if !f.Is(name) {
			e.header = append(e.header, f)
		} else if !done {
			e.header = append(e.header, mail.Field{Name: f.Name, Value: value})
			done = true
		}
	}
	if !done {
		e.header = append(e.header, mail.Field{Name: name, Value: value})
	}
}

func (e *entity) malformed(problem string) error {
	return &MalformedError{Part: e.number, Problem: problem}
}

// transferEncoding returns what the first Content-Transfer-Encoding names, and whether it encodes nothing. Spellings such as
// "8-bit" and "8 bit", and anything behind the name, are not in RFC 2045, section 6.1, but every client takes them for
// what they mean. Of a name that is nobody's, such as that of a charset, clients think that it encodes nothing.
func transferEncoding(h mail.Header) (encoding string, identity bool) {
	encoding = strings.ToLower(h.Get("Content-Transfer-Encoding"))
	if end := strings.IndexAny(encoding, "(;"); end >= 0 {
		encoding = encoding[:end]
	}
	encoding = strings.Trim(encoding, " \t\"\x00\r")
	switch encoding {
	case quotedPrintable, base64Encoding, "uuencode", "x-uuencode", "uue", "x-uue", "yenc", "x-yenc", "x-yencode",
		"binhex", "x-binhex", "binhex40", "mac-binhex40":
		return encoding, false
	}
	switch strings.NewReplacer(" ", "", "-", "").Replace(encoding) {
	case "", "7bit", "7bits", "8bit", "8bits", "binary":
		return encoding, true
	}
	return unknownEncoding, true
}

// Names of transfer encodings. That of an unknown one is not the one in the message.
const (
	quotedPrintable = "quoted-printable"
	base64Encoding  = "base64"
	unknownEncoding = "unknown"
)
