package pgpmime

import (
	"crypto/x509"
	"errors"
	"strings"

	"sealmilter/crypto"
	"sealmilter/crypto/cms"
	"sealmilter/internal/mail"
)

// Protection is what a message is protected by before anything is done to it. The zero value is none.
type Protection struct {
	messages  []*crypto.EncryptedMessage // all that can be read of an OpenPGP message
	enveloped *cms.Enveloped             // S/MIME
}

// Encrypted reports whether all of the message's content is encrypted, by OpenPGP or S/MIME.
func (p *Protection) Encrypted() bool { return len(p.messages) > 0 || p.enveloped != nil }

// For reports whether all of the message's content is encrypted by OpenPGP to the certificate.
func (p *Protection) For(c *crypto.Cert) bool {
	for _, m := range p.messages {
		if !m.For(c) {
			return false
		}
	}
	return len(p.messages) > 0
}

// ForX509 reports whether the message is encrypted by S/MIME to the certificate.
func (p *Protection) ForX509(c *x509.Certificate) bool {
	return p.enveloped != nil && p.enveloped.For(c)
}

// Inspect finds out whether a message is encrypted already, with nothing beside that could be read:
//
//   - a multipart/encrypted of OpenPGP (RFC 3156, section 4);
//   - other multiparts and single texts of which every leaf is an OpenPGP message, and one at least is. Beside those may
//     stand what says nothing: blank leaves, the control part of RFC 3156, and certificates of OpenPGP. So come inline
//     messages with their attachments, and the multipart/mixed that Exchange makes of a multipart/encrypted;
//   - an application/pkcs7-mime of S/MIME that is the whole message (RFC 8551, sections 3.3 and 3.4).
//
// Neither a content type nor an armor line is believed: the OpenPGP packets and the CMS structure are parsed. Where readers
// might disagree about what the message is, and whatever else is not proved, it is not encrypted.
func Inspect(m *mail.Message) *Protection {
	root, err := scanMessage(m.Header, m.Body)
	if err != nil || !root.isUnequivocal() {
		return &Protection{}
	}
	if root.claimsEnvelope() {
		enveloped, err := root.enveloped()
		if err != nil {
			return &Protection{}
		}
		return &Protection{enveloped: enveloped}
	}
	var i inspection
	if err := i.inspect(root); err != nil {
		return &Protection{}
	}
	return &Protection{messages: i.messages}
}

var errNotAlone = errors.New("encrypted data are not all of the message")

// Limits of one message. The first bounds the session keys of all the OpenPGP messages in it, each of which is held against
// the keys of each recipient, and the second the parts with certificates, whose signatures are checked.
const (
	maxKeys             = 5000
	maxCertificateParts = 10
)

// inspection collects the OpenPGP messages in one message.
type inspection struct {
	messages         []*crypto.EncryptedMessage
	keys             int
	certificateParts int
}

// inspect walks through an entity. The error says that something in it can be read.
func (i *inspection) inspect(e *entity) error {
	switch {
	case !e.isUnequivocal():
		return errNotAlone
	case e.media.main != "multipart":
		return i.inspectLeaf(e)
	case !isPreamble(e.multipart.preamble) || !isSpace(e.multipart.epilogue) || len(e.parts) == 0:
		return errNotAlone
	case e.media.is("multipart", "encrypted"):
		return i.inspectEncrypted(e)
	}
	for _, part := range e.parts {
		if err := i.inspect(part); err != nil {
			return err
		}
	}
	return nil
}

// inspectEncrypted wants the two parts of RFC 3156, section 4, and nothing that a reader of that type would not expect.
func (i *inspection) inspectEncrypted(e *entity) error {
	if protocol := e.media.get("protocol"); !strings.EqualFold(protocol, "application/pgp-encrypted") || len(e.parts) != 2 {
		return errNotAlone
	}
	control, data := e.parts[0], e.parts[1]
	if !control.isUnequivocal() || !control.media.is("application", "pgp-encrypted") ||
		!data.isUnequivocal() || !data.media.is("application", "octet-stream") {
		return errNotAlone
	}
	version, err := control.decode(maybeText)
	if err != nil {
		return err
	}
	if !isVersion(version) {
		return errNotAlone
	}
	content, err := data.decode(maybeMessage)
	if err != nil {
		return err
	}
	return i.add(content)
}

// inspectLeaf takes an OpenPGP message, or what says nothing beside one.
func (i *inspection) inspectLeaf(e *entity) error {
	switch {
	case e.media.main == "application" || e.media.is("text", "plain") && isASCIICompatible(e.media.get("charset")):
		// In a charset that lacks US-ASCII, what looks like an armored message would be none to its readers.
	case e.media.main == "text":
		content, err := e.decode(maybeBlank)
		if err == nil && !isSpace(content) {
			err = errNotAlone
		}
		return err
	default:
		return errNotAlone
	}
	content, err := e.decode(maybeMessage)
	switch {
	case err != nil:
		return err
	case isSpace(content), isVersion(content):
		return nil
	case e.media.is("application", "pgp-keys"):
		if i.certificateParts++; i.certificateParts > maxCertificateParts {
			return errNotAlone
		}
		return crypto.InspectCertificates(content)
	}
	return i.add(content)
}

func (i *inspection) add(content []byte) error {
	m, err := crypto.InspectMessage(content)
	if err != nil {
		return err
	}
	if i.keys += m.SessionKeys(); i.keys > maxKeys {
		return errNotAlone
	}
	i.messages = append(i.messages, m)
	return nil
}
