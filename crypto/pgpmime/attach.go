package pgpmime

import (
	"bytes"
	"fmt"
	"slices"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// withKey returns the content with the author's certificate attached (RFC 3156, section 7): a multipart/mixed of the message
// with all its Content-* fields, octet for octet, and the key. A message that is a multipart/mixed itself is put into the
// new one whole, so that what its fields say stays true of what they were written for.
//
// The content comes back as it is if there is no certificate to attach.
func (d *Draft) withKey(c content) (content, error) {
	cert := d.introduction.Attached
	if cert == nil {
		return c, nil
	}
	var armored bytes.Buffer
	if err := cert.WriteArmored(&armored); err != nil {
		return content{}, fmt.Errorf("attach the certificate: %w", err)
	}
	if armored.Len() > maxAttached {
		return c, nil
	}
	key := appendCRLF(nil, armored.Bytes())
	message := c.message()
	boundary, err := d.composer.boundary(message)
	if err != nil {
		return content{}, err
	}
	return content{
		fields: mail.Header{{Name: "Content-Type", Value: " multipart/mixed;\r\n boundary=\"" + boundary + "\""}},
		body: crypto.Payload{
			crypto.Octets("--" + boundary + "\r\n"),
			message,
			crypto.Octets("\r\n--" + boundary + "\r\n" + keyFields(cert)),
			crypto.Octets(key),
			crypto.Octets("\r\n--" + boundary + "--\r\n"),
		},
	}, nil
}

// maxAttached bounds an armored certificate in octets.
const maxAttached = 128 << 10

// keyFields are the header of the part, with the empty line. The name is the one that mail clients give their own keys.
func keyFields(cert *crypto.Cert) string {
	name := "OpenPGP_0x" + longKeyID(cert) + ".asc"
	return "Content-Type: application/pgp-keys; name=\"" + name + "\"\r\n" +
		"Content-Transfer-Encoding: 7bit\r\n" +
		"Content-Description: OpenPGP public key\r\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n"
}

// longKeyID is the key ID in hexadecimal: the end of a version 4 fingerprint, the beginning of a longer one (RFC 9580,
// section 5.5.4).
func longKeyID(cert *crypto.Cert) string {
	const digits, version4 = 16, 40
	fingerprint := cert.Fingerprint()
	if len(fingerprint) == version4 {
		return fingerprint[version4-digits:]
	}
	return fingerprint[:digits]
}

// canBePart reports whether the message is the same to a reader's program as the first part of a multipart/mixed. What a
// program handles by the type of the whole is not: encrypted mail, reports (RFC 6522), an invitation that is all there is
// (RFC 6047), and a piece of a message or a reference to one (RFC 2046, section 5.2).
func (e *entity) canBePart() bool {
	switch e.media.main {
	case "multipart":
		return !slices.Contains([]string{"encrypted", "report"}, e.media.sub)
	case "application":
		return !slices.Contains([]string{"pkcs7-mime", "x-pkcs7-mime", "pgp-encrypted"}, e.media.sub)
	case "text":
		return e.media.sub != "calendar"
	default:
		return e.media.main != "message"
	}
}

// maxKeyParts is how many parts are looked into for the certificate that is to be attached: whoever sends more keys
// than anybody has may send one twice.
const maxKeyParts = 10

// hasAttached reports whether a part of the message, but not of one that is forwarded in it, is the certificate or one of
// several. What cannot be read is none.
func (e *entity) hasAttached(cert *crypto.Cert) bool {
	parts := e.keyParts(nil)
	return slices.ContainsFunc(parts[:min(len(parts), maxKeyParts)], func(part *entity) bool { return part.holdsCert(cert) })
}

// keyParts appends the parts that hold keys by their type, but not those of a message that is forwarded.
func (e *entity) keyParts(parts []*entity) []*entity {
	switch {
	case e.media.main == "message":
	case e.media.is("application", "pgp-keys"):
		parts = append(parts, e)
	default:
		for _, part := range e.parts {
			parts = part.keyParts(parts)
		}
	}
	return parts
}

// holdsCert reports whether the certificate is in the content of a leaf.
func (e *entity) holdsCert(cert *crypto.Cert) bool {
	if len(e.body) > 2*maxAttached {
		return false
	}
	octets, err := e.decode(maybeText)
	if err != nil {
		return false
	}
	for key, err := range crypto.Keys(bytes.NewReader(octets)) {
		if err == nil && key.Cert != nil && key.Cert.Fingerprint() == cert.Fingerprint() {
			return true
		}
	}
	return false
}
