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
	// Confidentiality says which header fields an encrypted copy hides.
	Confidentiality Confidentiality
	// LegacyDisplay repeats hidden fields in the text of encrypted copies, for programs that know nothing of header
	// protection (RFC 9788, section 2.1.2).
	LegacyDisplay bool
}

// Copy is one message made of a Draft.
type Copy struct {
	// Header is the whole header.
	Header mail.Header
	// Body writes the body with CRLF line ends, each time anew. Copies of one draft may be written concurrently. A body
	// with a method Verbatim() bool that reports true may go through SMTP as it is: its lines end in CRLF, and none
	// begins with a dot. Whoever gets a piece of it must not change it.
	Body Body

	ciphertext *crypto.Ciphertext // nil for a signed copy
}

// Class returns the same number, which is not 0, for copies of one draft that have most of their text in common. It
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
	content  content // of signed copies
	// displayed is that of encrypted copies: the same, or with legacy display elements.
	displayed content
	root      *entity // what the message was taken apart into
	shelf     crypto.Shelf

	introduction Introduction
}

// Prepare brings a message into the canonical form. It does not change m. The draft and its copies keep the
// octets of its body, which must not change either; what has to be encoded anew is so whenever it is used. The errors are a
// [*MalformedError]: the message cannot be sealed, and no other try will help.
func (c *Composer) Prepare(m *mail.Message) (*Draft, error) {
	header, err := protect(m.Header, c.Strip, c.Confidentiality)
	if err != nil {
		return nil, err
	}
	root, err := scanMessage(contentFields(m.Header), m.Body)
	if err != nil {
		return nil, err
	}
	root.headChanged = true // the fields have to be looked at one by one
	root.assumeText()
	root.disclaim()
	if err := root.canonicalize(); err != nil {
		return nil, err
	}
	d := &Draft{composer: c, header: header, root: root, content: contentOf(root)}
	d.displayed = d.content
	if c.LegacyDisplay {
		if displaying := root.display(header.displayed); displaying != nil {
			d.displayed = contentOf(displaying)
		}
	}
	return d, nil
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

// Sign makes a multipart/signed message (RFC 3156, section 5), with the author's certificate attached if attachKey is set
// and the draft was given one.
func (d *Draft) Sign(by *crypto.Signer, attachKey bool) (*Copy, error) {
	e := edition{attachKey: attachKey}
	payload, err := d.payload(e)
	if err != nil {
		return nil, err
	}
	signature, err := d.composer.Sealer.Sign(payload, by)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	dotted := search{text: []byte("\n.")}
	boundary, err := d.composer.boundary(payload, &dotted)
	if err != nil {
		return nil, err
	}
	return &Copy{
		Header: slices.Concat(d.outside(e), signedFields(boundary, signature.MicAlg)),
		Body:   signedBody(boundary, payload, signature.Armored, dotted.found),
	}, nil
}

// Reader is one recipient of an encrypted copy.
type Reader struct {
	Cert *crypto.Cert
	// Hidden is a recipient in Bcc: the copy tells nobody of any recipient, and its existence is not told to the others.
	Hidden bool
	// AttachKey attaches the author's certificate, if the draft was given one.
	AttachKey bool
}

// Encrypt makes one multipart/encrypted message (RFC 3156, section 6.2) for each reader, in their order; by is nil for
// unsigned ones. With o.Share, copies of the same edition have one session key.
// The copies are encrypted when they are written, until the draft is closed. o.Hidden and o.Shelf do not count.
func (d *Draft) Encrypt(by *crypto.Signer, to []Reader, o crypto.EncryptOptions) ([]*Copy, error) {
	groups := make(map[edition][]int)
	var order []edition
	for i, r := range to {
		e := edition{encrypted: true, hidden: r.Hidden, attachKey: r.AttachKey}
		if groups[e] == nil {
			order = append(order, e)
		}
		groups[e] = append(groups[e], i)
	}
	copies := make([]*Copy, len(to))
	o.Shelf = &d.shelf
	for _, e := range order {
		payload, err := d.payload(e)
		if err != nil {
			return nil, err
		}
		certs := make([]*crypto.Cert, len(groups[e]))
		for i, at := range groups[e] {
			certs[i] = to[at].Cert
		}
		o.Hidden = e.hidden
		ciphertexts, err := d.composer.Sealer.Encrypt(payload, by, certs, o)
		if err != nil {
			return nil, fmt.Errorf("encrypt: %w", err)
		}
		if len(ciphertexts) != len(certs) {
			return nil, errors.New("encrypt: not one ciphertext for each certificate")
		}
		for i, ciphertext := range ciphertexts {
			if copies[groups[e][i]], err = d.encryptedCopy(e, ciphertext); err != nil {
				return nil, err
			}
		}
	}
	return copies, nil
}

func (d *Draft) encryptedCopy(e edition, ciphertext *crypto.Ciphertext) (*Copy, error) {
	boundary, err := d.composer.boundary(nil)
	if err != nil {
		return nil, err
	}
	return &Copy{
		Header:     slices.Concat(d.outside(e), encryptedFields(boundary)),
		Body:       undotted{encryptedBody{boundary, ciphertext}},
		ciphertext: ciphertext,
	}, nil
}
