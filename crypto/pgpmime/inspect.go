package pgpmime

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// Protection is what a message is protected by before anything is done to it.
type Protection struct {
	message *crypto.EncryptedMessage // nil if it is not encrypted
}

// Encrypted reports whether all of the message's content is one OpenPGP encrypted message.
func (p *Protection) Encrypted() bool { return p.message != nil }

// For reports whether the message is encrypted to the certificate.
func (p *Protection) For(c *crypto.Cert) bool { return p.message != nil && p.message.For(c) }

// Inspect finds out whether a message is encrypted already: a multipart/encrypted (RFC 3156, section 4), or plain
// text that is one armored message. Neither a content type nor an armor line is believed: the OpenPGP packets are
// parsed, and nothing may stand beside them. Whatever is not proved is not encrypted.
func Inspect(m *mail.Message) *Protection {
	ciphertext, err := ciphertextOf(m)
	if err != nil {
		return &Protection{}
	}
	message, err := crypto.InspectMessage(ciphertext)
	if err != nil {
		return &Protection{}
	}
	return &Protection{message: message}
}

var errNotAlone = errors.New("encrypted data are not all of the message")

// ciphertextOf returns the octets that claim to be the only content of the message.
func ciphertextOf(m *mail.Message) ([]byte, error) {
	if len(m.Header.All("Content-Type")) > 1 || len(m.Header.All("Content-Transfer-Encoding")) > 1 {
		return nil, errNotAlone // readers might take either
	}
	root, err := scanMessage(m.Header, m.Body)
	if err != nil {
		return nil, err
	}
	switch {
	case root.media.is("multipart", "encrypted"):
		if !strings.EqualFold(root.media.get("protocol"), "application/pgp-encrypted") || len(root.parts) != 2 ||
			!isSpace(root.multipart.preamble) || !isSpace(root.multipart.epilogue) {
			return nil, errNotAlone
		}
		control, data := root.parts[0], root.parts[1]
		version, err := control.decode()
		if err != nil || !control.media.is("application", "pgp-encrypted") || !isVersion(version) ||
			!data.media.is("application", "octet-stream") {
			return nil, errNotAlone
		}
		return data.decode()
	case root.media.is("text", "plain"):
		return root.decode()
	}
	return nil, errNotAlone
}

// decode returns the content of a leaf.
func (e *entity) decode() ([]byte, error) {
	switch {
	case e.encoding == "quoted-printable":
		return e.readDecoded(quotedprintable.NewReader(bytes.NewReader(e.body)))
	case e.encoding == "base64":
		return e.readDecoded(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(e.body)))
	case e.identity:
		return e.body, nil
	}
	return nil, e.malformed("has an unknown Content-Transfer-Encoding")
}

// readDecoded reads the body through a decoder. Most of what is asked about is no encrypted message, and has no need to be
// decoded to its end and held in memory a second time.
func (e *entity) readDecoded(decoder io.Reader) ([]byte, error) {
	begin := make([]byte, min(len(e.body), maxPrefix))
	n, err := io.ReadFull(decoder, begin)
	begin = begin[:n]
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return begin, nil
	case err != nil:
		return nil, err
	case !mayBeCiphertext(begin):
		return nil, errNotAlone
	}
	decoded := bytes.NewBuffer(make([]byte, 0, len(e.body)+bytes.MinRead))
	decoded.Write(begin)
	_, err = decoded.ReadFrom(decoder)
	return decoded.Bytes(), err
}

// maxPrefix is how many octets tell that something is no encrypted message.
const maxPrefix = 4 << 10

// mayBeCiphertext reports whether an OpenPGP message may begin so: with a packet, or with armor behind white space.
func mayBeCiphertext(begin []byte) bool {
	if len(begin) > 0 && begin[0]&0x80 != 0 {
		return true
	}
	text := bytes.TrimSpace(begin)
	return len(text) == 0 || bytes.HasPrefix(text, []byte("-----BEGIN"))
}

func isSpace(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// isVersion reports whether b is the content of the control part (RFC 3156, section 4).
func isVersion(b []byte) bool {
	name, value, found := bytes.Cut(bytes.TrimSpace(b), []byte{':'})
	return found && bytes.EqualFold(name, []byte("Version")) && string(bytes.TrimSpace(value)) == "1"
}
