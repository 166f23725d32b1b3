package pgpmime

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"sealmilter/internal/mail"
)

// rendering is how the body of an entity gets into the payload.
type rendering uint8

const (
	verbatim    rendering = iota // octet for octet, but every line ends in CRLF
	rebuilt                      // a composite entity: its frame, and each part by its own rendering
	quotedText                   // text, to quoted-printable
	repaired                     // quoted-printable
	encoded                      // octets, to base64
	encodedText                  // text, to base64
	rewrapped                    // base64, in new lines
	wrapped                      // a message that must not change, to base64
	reframed                     // an opaque entity: other frames, and all else octet for octet
)

// canonicalize decides how the entity and all below it are rendered, and brings the headers into the canonical form.
// The decoded content of a leaf never changes, save that text gets CRLF line ends. The error is a [*MalformedError].
func (e *entity) canonicalize() error {
	switch {
	case e.unread:
		if err := e.canonicalizeUnread(); err != nil {
			return err
		}
	case e.parts == nil:
		if err := e.canonicalizeLeaf(); err != nil {
			return err
		}
	case e.isSealed():
		e.canonicalizeSealed()
	case e.isOpaque():
		e.keep(e.bodyFaults&breaking != 0)
	case e.bodyFaults != 0:
		if err := e.canonicalizeParts(); err != nil {
			return err
		}
	}
	if e.headFaults&mislabelled != 0 {
		e.setEncoding("7bit")
	}
	return e.canonicalizeHeader()
}

// canonicalizeUnread treats what was not taken apart as if a signature were in it.
func (e *entity) canonicalizeUnread() error {
	switch {
	case e.bodyFaults&breaking == 0:
		e.rendering = verbatim
	case e.nested:
		return e.malformed("is too deep to be brought into 7-bit form") // so that the message is wrapped around it
	default:
		e.wrap()
	}
	return nil
}

func (e *entity) canonicalizeParts() error {
	e.rendering = rebuilt
	if e.bodyFaults&unfitBoundary != 0 && e.media.main == "multipart" && !e.media.hasFitBoundary() {
		e.replaceBoundary()
	}
	for _, part := range e.parts {
		switch err := part.canonicalize(); {
		case err == nil:
		case e.media.main == "message":
			e.wrap() // nothing in a forwarded message is the sender's to mend
		default:
			return err
		}
	}
	return nil
}

// canonicalizeSealed keeps the parts as they are: a signature covers one of them, but not what is around both. A
// boundary that no line can have cannot stay around them, nor be another one.
func (e *entity) canonicalizeSealed() {
	found := e.bodyFaults & unfitBoundary
	for _, part := range e.parts {
		found |= part.headFaults | part.bodyFaults
	}
	e.keep(found&breaking != 0)
}

// keep renders an opaque entity so that no signature in it breaks.
func (e *entity) keep(inBase64 bool) {
	switch {
	case inBase64:
		e.wrap()
	case e.bodyFaults&(breaking|loose) != 0:
		e.rendering = reframed
	}
}

// replaceBoundary gives a multipart a boundary that is drawn from its body, and so is not in it.
func (e *entity) replaceBoundary() {
	digest := sha256.Sum256(e.body)
	e.media.boundary, e.media.gap = "=_"+hex.EncodeToString(digest[:16]), ""
	e.setField("Content-Type", e.media.without("boundary").String()+"; boundary=\""+e.media.boundary+"\"")
}

// canonicalizeLeaf chooses the transfer encoding (RFC 2045, section 6) that the leaf needs.
func (e *entity) canonicalizeLeaf() error {
	if e.media.main == "multipart" && e.bodyFaults&^bareLF != 0 {
		e.readAsText()
	}
	// Text is lines, whatever ends them. Anything else is octets, and a bare LF is one of them.
	lines := !e.identity || e.media.isText() || e.media.main == "message" || e.media.main == "multipart"
	switch found := e.bodyFaults &^ bareLF; {
	case e.bodyFaults == 0 || lines && found == 0:
		e.rendering = verbatim
	case e.encoding == quotedPrintable:
		e.rendering = repaired
	case e.encoding == base64Encoding:
		e.rendering = rewrapped
	case !e.identity && found&breaking == 0:
		e.rendering = verbatim
	case !e.identity:
		e.readAsOctets()
	case e.media.is("message", "partial") || e.media.is("message", "external-body"):
		return e.keepUnencoded("is of a type that must not be encoded")
	case lines && (!e.media.isText() || quotedSize(e.body) <= base64Size(len(e.body))):
		e.rendering = quotedText
		e.setEncoding(quotedPrintable)
	case lines:
		e.rendering = encodedText
		e.setEncoding(base64Encoding)
	default:
		e.rendering = encoded
		e.setEncoding(base64Encoding)
	}
	return nil
}

// assumeText labels a message of a type that cannot be read, such as "text", as what it is read as (RFC 2045, section
// 5.2): some readers heed no parameter of such a type, and so would not find the protected header.
func (e *entity) assumeText() {
	if e.media.isReadable() {
		return
	}
	isWrong := func(r rune) bool { return !isToken(string(r)) }
	e.media.sub, _, _ = strings.Cut(strings.TrimRightFunc(e.media.sub, isWrong), "/")
	if strings.TrimLeftFunc(e.media.main, isWrong) != "text" || !isToken(e.media.sub) {
		e.media.sub = "plain" // nor is it "<text/html>" or the like
	}
	e.media.main, e.media.parameters.first = "text", " text/"+e.media.sub
	e.setField("Content-Type", e.media.parameters.String())
}

// readAsText labels a multipart that has no parts, since no boundary is named or the one that is does not occur, as
// what it is read as: text (RFC 2045, section 5.2). A multipart could not be encoded (section 6.4).
func (e *entity) readAsText() {
	value := " text/plain"
	if e.bodyFaults&eightBit != 0 && utf8.Valid(e.body) {
		value += "; charset=utf-8"
	}
	e.media = mediaType{main: "text", sub: "plain", parameters: parseParameters(value)}
	e.setField("Content-Type", value)
}

// readAsOctets has a body in an encoding from before MIME travel as it is within another one, of the type that RFC
// 2045, section 6.4, has for encodings that a reader does not know.
func (e *entity) readAsOctets() {
	e.setField("Content-Type", " application/octet-stream")
	e.rendering = encoded
	e.setEncoding(base64Encoding)
}

// keepUnencoded is for leaves that nobody could decode if they were encoded.
func (e *entity) keepUnencoded(reason string) error {
	if found := e.bodyFaults & breaking; found != 0 {
		return e.malformed(reason + " and holds " + found.String() + ", so it cannot be brought into 7-bit form")
	}
	e.rendering = verbatim
	return nil
}

// isOpaque reports whether a composite entity must not be put together anew: a signature in it would break, or it is
// a message that does not begin with a header field (but with the "From " line of an mbox file, for one). That a
// message/global may have UTF-8 in its header is its reason to exist.
func (e *entity) isOpaque() bool {
	return e.isSealed() || e.media.is("message", "global") ||
		e.media.is("message", "rfc822") && (e.holdsSealed() || len(e.parts[0].header) == 0)
}

// wrap puts an opaque entity into base64. Of all composite types only message/global may have this encoding (RFC
// 6532, section 3.7); every message/rfc822 is a message/global, too, and a signed entity with its header is one.
func (e *entity) wrap() {
	e.rendering = wrapped
	if e.media.main == "multipart" {
		e.inner = append(e.header.AppendTo(nil), '\r', '\n')
		e.header = mail.Header{{Name: "Content-Type", Value: " message/global"}}
	} else {
		e.media.parameters.first = " message/global"
		e.setField("Content-Type", e.media.parameters.String())
	}
	e.nameWrapped()
	e.setEncoding(base64Encoding)
}

// nameWrapped gives a message/global that has no name one. Few clients know the type; by its name most of them open the
// message all the same.
func (e *entity) nameWrapped() {
	disposition := parseParameters(e.header.Get("Content-Disposition"))
	if disposition.has("filename") || parseParameters(e.header.Get("Content-Type")).has("name") {
		return
	}
	if disposition.first == "" {
		disposition.first = "inline"
	}
	e.setField("Content-Disposition", " "+disposition.String()+"; filename=\"message.eml\"")
}

// canonicalizeHeader replaces the head unless it is in the canonical form already.
func (e *entity) canonicalizeHeader() error {
	if !e.headChanged && e.headFaults&^bareLF == 0 {
		return nil
	}
	for i, f := range e.header {
		canonical, err := canonicalField(f)
		if err != nil {
			return e.malformed(err.Error())
		}
		if !is7bit(canonical.Value) {
			if e.nested {
				return e.malformed(fmt.Sprintf("has a %s with 8-bit octets that cannot be encoded", called(f.Name)))
			}
			// In the header of a part there is no address that somebody could want to answer to.
			canonical.Value = fold(f.Name, encodeText(strings.Join(cleanLines(f.Value), "")))
		}
		e.header[i] = canonical
	}
	e.head = append(e.header.AppendTo(nil), '\r', '\n')
	return nil
}

// render adds header and body in the canonical form.
func (e *entity) render(r *rendered) {
	r.crlf(e.head)
	e.renderBody(r)
}

func (e *entity) renderBody(r *rendered) {
	if e.insertion != nil {
		e.renderInserted(r)
		return
	}
	switch e.rendering {
	case verbatim:
		r.crlf(e.body)
	case rebuilt:
		e.renderParts(r)
	case reframed:
		e.renderKept(r)
	case quotedText:
		r.form(quoted(e.body))
	case repaired:
		r.form(requoted(e.body))
	case rewrapped:
		r.form(rewrappedBase64(e.body))
	case wrapped, encodedText:
		r.form(textInBase64(e.inner, e.body))
	default:
		r.form(inBase64(e.body))
	}
}

// renderParts writes the parts anew.
func (e *entity) renderParts(r *rendered) {
	if e.media.main == "message" {
		e.parts[0].render(r)
		return
	}
	e.renderFrame(r, func(i int) { e.parts[i].render(r) })
}
