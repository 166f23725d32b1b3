package pgpmime

import (
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// edition names one of the payloads that a draft has. Readers of one edition may have the same octets.
type edition struct {
	// encrypted is the payload of encrypted copies, the others are of signed ones.
	encrypted bool
	// hidden is that of recipients who are not named in the header.
	hidden bool
	// attachKey has the author's certificate attached.
	attachKey bool
}

// content is the message without the header fields that are not about its body.
type content struct {
	fields mail.Header    // Content-*
	body   crypto.Payload // without any header
	layer  bool           // it is signed or encrypted already
}

// message is the content as an entity: its fields, the empty line and the body.
func (c content) message() crypto.Payload {
	return crypto.Payload{crypto.Octets(append(c.fields.AppendTo(nil), '\r', '\n')), c.body}
}

// contentOf renders the canonical form of a message.
func contentOf(root *entity) content {
	var body rendered
	root.renderBody(&body)
	return content{fields: root.header, body: body.payload(), layer: root.isLayer()}
}

// payload returns the header and body of an edition. Editions have the octets of the body in common where they can.
func (d *Draft) payload(e edition) (crypto.Payload, error) {
	c := d.content
	if e.encrypted {
		c = d.displayed
	}
	if e.attachKey {
		var err error
		if c, err = d.withKey(c); err != nil {
			return nil, err
		}
	}
	c, err := c.contained()
	if err != nil {
		return nil, err
	}
	return crypto.Payload{crypto.Octets(d.payloadHeader(e, c.fields)), c.body}, nil
}

// payloadHeader returns the header of the payload with the empty line (RFC 9788, section 2.1.1).
func (d *Draft) payloadHeader(e edition, fields mail.Header) []byte {
	hp := "clear"
	if e.encrypted {
		hp = "cipher"
	}
	var b []byte
	for _, f := range fields {
		if f.Is("Content-Type") {
			f.Value = withProtection(f.Value, hp)
		}
		b = mail.Header{f}.AppendTo(b)
	}
	b = d.header.inside.AppendTo(b)
	if e.encrypted {
		b = d.header.hpOuter.AppendTo(b)
		b = d.introduction.inside(e).AppendTo(b)
		if len(d.header.displayed) > 0 && !isMultipart(fields) {
			b = append(b, delimiterLike...)
		}
	}
	return append(b, '\r', '\n')
}

// delimiterLike is a field that begins as the delimiter of a multipart does. Thunderbird 128 and older look for protected
// fields only before the first line that begins so, and find none, not even the Subject, in a payload that is one part
// without such a line. To everybody else it is a field of an unknown name (RFC 5322, section 3.6.8).
const delimiterLike = "--: end of the protected header\r\n"

// isMultipart reports whether an entity with these fields has delimiters.
func isMultipart(fields mail.Header) bool {
	return strings.HasPrefix(strings.ToLower(fields.Get("Content-Type")), "multipart/")
}

// outside returns the header of the copies of an edition, without MIME fields.
func (d *Draft) outside(e edition) mail.Header {
	h := d.header.outsideSigned
	if e.encrypted {
		h = d.header.outsideEncrypted
	}
	return slices.Concat(h, d.introduction.outside(e))
}
