package cms

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
)

// ErrNotEnveloped is wrapped by every error of [ReadEnveloped].
var ErrNotEnveloped = errors.New("not an encrypted S/MIME message")

// Enveloped is an EnvelopedData (RFC 5652, section 6) or AuthEnvelopedData (RFC 5083). It is immutable and safe for
// concurrent use.
type Enveloped struct {
	// Recipients are the owners of certificates who can open it: all who can.
	Recipients []Recipient
}

// For reports whether it is encrypted to the key of the certificate.
func (e *Enveloped) For(c *x509.Certificate) bool {
	for _, r := range e.Recipients {
		if r.Is(c) {
			return true
		}
	}
	return false
}

// ReadEnveloped reads the content info (RFC 5652, section 3) of a message in BER, without decrypting it. It wants at least
// one recipient, and encrypted content of a length that its cipher makes. Nothing may stand beside it in clear text: no
// attributes, nothing behind the end, and of the originator nothing but certificates. A message that a password or a
// shared key opens, too, is refused, for it is not known who has those.
//
// Errors wrap [ErrNotEnveloped]. That a recipient's key really opens the content cannot be known without it.
func ReadEnveloped(b []byte) (*Enveloped, error) {
	e, err := readContentInfo(newCursor(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotEnveloped, err)
	}
	return e, nil
}

func readContentInfo(c *cursor) (*Enveloped, error) {
	info, err := c.next(tagSequence)
	if err != nil {
		return nil, err
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	in := c.enter(info)
	contentType, err := in.next(tagOID)
	if err != nil {
		return nil, err
	}
	authenticated := bytes.Equal(contentType.content, oidAuthEnvelopedData)
	if !authenticated && !bytes.Equal(contentType.content, oidEnvelopedData) {
		return nil, errors.New("it is of another type")
	}
	explicit, err := in.next(tagged0)
	if err != nil {
		return nil, err
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	content := in.enter(explicit)
	data, err := content.next(tagSequence)
	if err != nil {
		return nil, err
	}
	if err := content.end(); err != nil {
		return nil, err
	}
	return readData(content.enter(data), authenticated)
}

// readData reads an EnvelopedData or an AuthEnvelopedData, which has an authentication code more.
func readData(c *cursor, authenticated bool) (*Enveloped, error) {
	if _, err := c.next(tagInteger); err != nil {
		return nil, err
	}
	if c.is(tagged0) {
		if err := readOriginator(c); err != nil {
			return nil, err
		}
	}
	set, err := c.next(tagSet)
	if err != nil {
		return nil, err
	}
	e := new(Enveloped)
	if e.Recipients, err = readRecipients(c.enter(set)); err != nil {
		return nil, err
	}
	encrypted, err := c.next(tagSequence)
	if err != nil {
		return nil, err
	}
	if err := readEncrypted(c.enter(encrypted), authenticated); err != nil {
		return nil, err
	}
	if authenticated {
		if err := readCode(c); err != nil {
			return nil, err
		}
	}
	if err := c.end(); err != nil {
		return nil, fmt.Errorf("%w; attributes are in clear text", err)
	}
	return e, nil
}

// maxCertificates bounds those of the originator.
const maxCertificates = 100

// readOriginator makes sure that an OriginatorInfo holds certificates alone (RFC 5652, section 6.1).
func readOriginator(c *cursor) error {
	info, err := c.next(tagged0)
	if err != nil {
		return err
	}
	in := c.enter(info)
	if !in.is(tagged0) {
		return in.end()
	}
	set, err := in.next(tagged0)
	if err != nil {
		return err
	}
	certs := in.enter(set)
	for count := 1; len(certs.rest) > 0; count++ {
		if count > maxCertificates {
			return fmt.Errorf("its originator has more than %d certificates", maxCertificates)
		}
		cert, err := certs.next(tagSequence)
		if err != nil {
			return err
		}
		if _, err := x509.ParseCertificate(cert.raw); err != nil {
			return fmt.Errorf("a certificate of its originator cannot be read: %w", err)
		}
	}
	return in.end()
}

// readEncrypted reads an EncryptedContentInfo.
func readEncrypted(c *cursor, authenticated bool) error {
	if _, err := c.next(tagOID); err != nil {
		return err
	}
	algorithm, err := c.next(tagSequence)
	if err != nil {
		return err
	}
	oid, err := c.enter(algorithm).next(tagOID)
	if err != nil {
		return err
	}
	by, err := cipherOf(oid.content)
	switch {
	case err != nil:
		return err
	case by.authenticated && !authenticated:
		return errors.New("its content is encrypted by an algorithm that needs an authentication code")
	}
	content, err := c.next(plain0, tagged0)
	if err != nil {
		return fmt.Errorf("it has no content: %w", err)
	}
	size, err := c.size(content)
	switch {
	case err != nil:
		return err
	case size == 0 || size%by.block != 0:
		return errors.New("its content is not as long as its cipher makes it")
	}
	return c.end()
}

// Lengths of an authentication code, in octets (RFC 5084, section 3).
const (
	minCode = 8
	maxCode = 64
)

// readCode reads an authentication code. Before it there might be attributes, which are in clear text.
func readCode(c *cursor) error {
	code, err := c.next(tagOctetString, tagOctetString|constructed)
	if err != nil {
		return err
	}
	size, err := c.size(code)
	if err == nil && (size < minCode || size > maxCode) {
		err = errors.New("its authentication code is none")
	}
	return err
}
