package pgpmime

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// Sealer is what the composer needs of [crypto.Sealer]. The payload does not change afterwards.
type Sealer interface {
	Sign(payload crypto.Payload, by *crypto.Signer) (*crypto.Signature, error)
	Encrypt(payload crypto.Payload, by *crypto.Signer, to []*crypto.Cert, o crypto.EncryptOptions) ([]*crypto.Ciphertext, error)
}

// Composer makes PGP/MIME messages. It is safe for concurrent use if Sealer and Rand are.
type Composer struct {
	Sealer Sealer
	// Rand is the source of the boundaries.
	Rand io.Reader
	// Strip names the header fields that no copy has, inside or outside, beside those that never stay, such as Bcc.
	Strip []string
}

// Copy is one message made of a Draft.
type Copy struct {
	// Header is the whole header.
	Header mail.Header
	// Body writes the body with CRLF line ends, each time anew. Copies of one draft may be written concurrently.
	Body Body

	ciphertext *crypto.Ciphertext // nil for a signed copy
}

// Class returns the same number, which is not 0, for copies of one draft that have their encrypted data in common. It
// costs least to write the copies of one class one after the other: each class is encrypted when the first is written.
func (c *Copy) Class() int {
	if c.ciphertext == nil {
		return 0
	}
	return c.ciphertext.Class()
}

// Draft is a message in the canonical form. One goroutine at a time may use it.
type Draft struct {
	composer *Composer
	header   protectedHeader
	content  mail.Header    // the Content-* fields of the payload
	body     crypto.Payload // without the header, the same for all copies
	shelf    crypto.Shelf
}

// Prepare brings a message into the canonical form. It does not change m. The draft and its copies keep the
// octets of its body, which must not change either; what has to be encoded anew is so whenever it is used. The errors are a
// [*MalformedError]: the message cannot be sealed, and no other try will help.
func (c *Composer) Prepare(m *mail.Message) (*Draft, error) {
	header, err := protect(m.Header, c.Strip)
	if err != nil {
		return nil, err
	}
	root, err := scanMessage(contentFields(m.Header), m.Body)
	if err != nil {
		return nil, err
	}
	root.headChanged = true // the fields have to be looked at one by one
	if err := root.canonicalize(); err != nil {
		return nil, err
	}
	var body rendered
	root.renderBody(&body)
	return &Draft{composer: c, header: header, content: root.header, body: body.payload()}, nil
}

// Close ends the use of all encrypted copies, whose session keys are forgotten.
func (d *Draft) Close() { d.shelf.Clear() }

// contentFields returns the fields that describe the body (RFC 2045, section 3). Of several with one name only the
// first counts: readers must not disagree about what is signed.
func contentFields(h mail.Header) mail.Header {
	var content mail.Header
	seen := make(map[string]bool)
	for _, f := range h {
		name := strings.ToLower(f.Name)
		if strings.HasPrefix(name, "content-") && name != "content-length" && !seen[name] {
			content = append(content, f)
			seen[name] = true
		}
	}
	if !seen["content-type"] {
		content = append(content, mail.Field{Name: "Content-Type", Value: " text/plain"})
	}
	return content
}

// payloadHeader returns the header of the payload with the empty line, for hp as RFC 9788, section 2.1.1, has it.
func (d *Draft) payloadHeader(hp string) []byte {
	var b []byte
	for _, f := range d.content {
		if f.Is("Content-Type") {
			f.Value = withProtection(f.Value, hp)
		}
		b = mail.Header{f}.AppendTo(b)
	}
	b = d.header.inside.AppendTo(b)
	if hp == "cipher" {
		b = d.header.hpOuter.AppendTo(b)
	}
	return append(b, '\r', '\n')
}

// Sign makes a multipart/signed message (RFC 3156, section 5).
func (d *Draft) Sign(by *crypto.Signer) (*Copy, error) {
	header := d.payloadHeader("clear")
	payload := crypto.Payload{crypto.Octets(header), d.body}
	signature, err := d.composer.Sealer.Sign(payload, by)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	boundary, err := d.composer.boundary(payload)
	if err != nil {
		return nil, err
	}
	return &Copy{
		Header: slices.Concat(d.header.outsideSigned, signedFields(boundary, signature.MicAlg)),
		Body:   signedBody(boundary, payload, signature.Armored),
	}, nil
}

// Encrypt makes one multipart/encrypted message (RFC 3156, section 6.2) for each certificate, in their order; by is
// nil for unsigned ones. The copies of the hidden recipients, those in Bcc, tell nobody of any recipient, and their
// existence is not told to the visible ones. With o.Share, visible copies have one session key, and hidden ones another.
// The copies are encrypted when they are written, until the draft is closed. o.Hidden and o.Shelf do not count.
func (d *Draft) Encrypt(by *crypto.Signer, visible, hidden []*crypto.Cert, o crypto.EncryptOptions) (
	visibleCopies, hiddenCopies []*Copy, err error,
) {
	payload := crypto.Payload{crypto.Octets(d.payloadHeader("cipher")), d.body}
	o.Shelf = &d.shelf
	o.Hidden = false
	visibleCopies, err = d.encrypt(payload, by, visible, o)
	if err != nil {
		return nil, nil, err
	}
	o.Hidden = true
	hiddenCopies, err = d.encrypt(payload, by, hidden, o)
	if err != nil {
		return nil, nil, err
	}
	return visibleCopies, hiddenCopies, nil
}

func (d *Draft) encrypt(payload crypto.Payload, by *crypto.Signer, to []*crypto.Cert, o crypto.EncryptOptions) ([]*Copy, error) {
	if len(to) == 0 {
		return nil, nil
	}
	ciphertexts, err := d.composer.Sealer.Encrypt(payload, by, to, o)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if len(ciphertexts) != len(to) {
		return nil, errors.New("encrypt: not one ciphertext for each certificate")
	}
	copies := make([]*Copy, len(ciphertexts))
	for i, ciphertext := range ciphertexts {
		boundary, err := d.composer.boundary(nil)
		if err != nil {
			return nil, err
		}
		copies[i] = &Copy{
			Header:     slices.Concat(d.header.outsideEncrypted, encryptedFields(boundary)),
			Body:       encryptedBody(boundary, ciphertext),
			ciphertext: ciphertext,
		}
	}
	return copies, nil
}
