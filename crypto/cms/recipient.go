package cms

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// Recipient says whose certificate one of the encrypted keys is for (RFC 5652, section 6.2): by issuer and serial number,
// or by the subject key identifier. Neither proves anything to who does not have the certificate.
type Recipient struct {
	// Issuer is a Name as it stands in the message, nil like Serial if KeyID is set.
	Issuer []byte
	Serial *big.Int
	KeyID  []byte

	// agreed says that the key was agreed on, for which RSA is not made.
	agreed, transported bool
}

// Is reports whether the encrypted key is for the owner of the certificate: it has the issuer and the serial number, or
// the subject key identifier, and a key of the kind that was used.
func (r Recipient) Is(c *x509.Certificate) bool {
	switch rsa := c.PublicKeyAlgorithm == x509.RSA; {
	case r.transported && !rsa, r.agreed && rsa:
		return false
	case len(r.KeyID) > 0:
		return bytes.Equal(r.KeyID, c.SubjectKeyId)
	case r.Serial != nil && c.SerialNumber != nil:
		return bytes.Equal(r.Issuer, c.RawIssuer) && r.Serial.Cmp(c.SerialNumber) == 0
	default:
		return false
	}
}

// Limits of one message, the second in octets.
const (
	maxRecipients = 5000
	maxKey        = 16 << 10
)

// RecipientInfo is a choice of these (RFC 5652, section 6.2). Passwords and shared keys have 2 and 3.
const (
	keyTransport = tagSequence
	keyAgreement = tagged1
	otherInfo    = tagged4
)

func readRecipients(c *cursor) ([]Recipient, error) {
	var all []Recipient
	for len(c.rest) > 0 {
		info, err := c.next(keyTransport, keyAgreement, otherInfo)
		if err != nil {
			return nil, fmt.Errorf("it can be opened without the key of a certificate, or in an unknown way: %w", err)
		}
		var more []Recipient
		switch in := c.enter(info); info.id {
		case keyTransport:
			more, err = readTransport(in)
		case keyAgreement:
			more, err = readAgreement(in)
		case otherInfo:
			more, err = readOther(in)
		default:
			err = errors.New("it has a recipient of an unknown kind")
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, more...); len(all) > maxRecipients {
			return nil, fmt.Errorf("it has more than %d recipients", maxRecipients)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it has no recipients")
	}
	return all, nil
}

// readTransport reads a KeyTransRecipientInfo (section 6.2.1).
func readTransport(c *cursor) ([]Recipient, error) {
	if _, err := c.next(tagInteger); err != nil {
		return nil, err
	}
	r, err := readIdentifier(c)
	if err != nil {
		return nil, err
	}
	r.transported = true
	if _, err := c.next(tagSequence); err != nil {
		return nil, err
	}
	if err := readKey(c); err != nil {
		return nil, err
	}
	return []Recipient{r}, c.end()
}

// readAgreement reads a KeyAgreeRecipientInfo (section 6.2.2).
func readAgreement(c *cursor) ([]Recipient, error) {
	if _, err := c.next(tagInteger); err != nil {
		return nil, err
	}
	if _, err := c.next(tagged0); err != nil { // the originator's key
		return nil, err
	}
	if err := c.skip(tagged1); err != nil { // keying material
		return nil, err
	}
	if _, err := c.next(tagSequence); err != nil {
		return nil, err
	}
	keys, err := c.next(tagSequence)
	if err != nil {
		return nil, err
	}
	var all []Recipient
	for in := c.enter(keys); len(in.rest) > 0; {
		key, err := in.next(tagSequence)
		if err != nil {
			return nil, err
		}
		one := in.enter(key)
		r, err := readAgreementIdentifier(one)
		if err != nil {
			return nil, err
		}
		r.agreed = true
		if err := readKey(one); err != nil {
			return nil, err
		}
		if err := one.end(); err != nil {
			return nil, err
		}
		if all = append(all, r); len(all) > maxRecipients {
			return nil, fmt.Errorf("it has more than %d recipients", maxRecipients)
		}
	}
	return all, c.end()
}

// readOther reads an OtherRecipientInfo, of which one kind is for a certificate (RFC 9629, section 3).
func readOther(c *cursor) ([]Recipient, error) {
	kind, err := c.next(tagOID)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(kind.content, oidKEM) {
		return nil, errors.New("it has a recipient of an unknown kind")
	}
	value, err := c.next(tagSequence)
	if err != nil {
		return nil, err
	}
	in := c.enter(value)
	if _, err := in.next(tagInteger); err != nil {
		return nil, err
	}
	r, err := readIdentifier(in)
	if err != nil {
		return nil, err
	}
	if _, err := in.next(tagSequence); err != nil { // mechanism
		return nil, err
	}
	if err := readKey(in); err != nil { // ciphertext
		return nil, err
	}
	if _, err := in.next(tagSequence); err != nil { // derivation
		return nil, err
	}
	if _, err := in.next(tagInteger); err != nil {
		return nil, err
	}
	if err := in.skip(tagged0); err != nil { // keying material
		return nil, err
	}
	if _, err := in.next(tagSequence); err != nil { // wrapping
		return nil, err
	}
	if err := readKey(in); err != nil {
		return nil, err
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	return []Recipient{r}, c.end()
}

// readIdentifier reads a RecipientIdentifier.
func readIdentifier(c *cursor) (Recipient, error) {
	if c.is(tagSequence) {
		return readIssuerAndSerial(c)
	}
	e, err := c.next(plain0, tagged0)
	if err != nil {
		return Recipient{}, err
	}
	return readKeyID(c, e)
}

// readAgreementIdentifier reads a KeyAgreeRecipientIdentifier.
func readAgreementIdentifier(c *cursor) (Recipient, error) {
	if c.is(tagSequence) {
		return readIssuerAndSerial(c)
	}
	e, err := c.next(tagged0)
	if err != nil {
		return Recipient{}, err
	}
	in := c.enter(e)
	id, err := in.next(tagOctetString, tagOctetString|constructed)
	if err != nil {
		return Recipient{}, err
	}
	return readKeyID(in, id)
}

func readKeyID(c *cursor, e element) (Recipient, error) {
	const longest = 64 // octets of a digest
	id := []byte{}
	if size, err := c.size(e); err != nil || size == 0 || size > longest {
		return Recipient{}, errors.Join(errors.New("a key identifier is none"), err)
	}
	err := c.octets(e, func(piece []byte) { id = append(id, piece...) })
	return Recipient{KeyID: id}, err
}

func readIssuerAndSerial(c *cursor) (Recipient, error) {
	e, err := c.next(tagSequence)
	if err != nil {
		return Recipient{}, err
	}
	in := c.enter(e)
	name, err := in.next(tagSequence)
	if err != nil {
		return Recipient{}, err
	}
	serial, err := in.next(tagInteger)
	if err != nil {
		return Recipient{}, err
	}
	const longest = 64 // octets; RFC 5280, section 4.1.2.2, has 20
	if len(serial.content) == 0 || len(serial.content) > longest {
		return Recipient{}, errors.New("a serial number is none")
	}
	r := Recipient{Issuer: name.raw, Serial: new(big.Int).SetBytes(serial.content)}
	if serial.content[0]&0x80 != 0 { // it is negative
		r.Serial.Sub(r.Serial, new(big.Int).Lsh(big.NewInt(1), uint(8*len(serial.content))))
	}
	return r, in.end()
}

// readKey reads an encrypted key.
func readKey(c *cursor) error {
	key, err := c.next(tagOctetString, tagOctetString|constructed)
	if err != nil {
		return err
	}
	switch size, err := c.size(key); {
	case err != nil:
		return err
	case size == 0 || size > maxKey:
		return errors.New("an encrypted key is empty or too large")
	}
	return nil
}
