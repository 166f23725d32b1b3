package crypto

import (
	"errors"
	"fmt"
	"time"

	"sealmilter/internal/mail"
)

// ErrNotNamed is returned by [Cert.For] for an address that no valid User ID of the certificate names.
var ErrNotNamed = errors.New("no valid User ID of the certificate names the address")

// For returns a copy of the certificate for one address: with the User IDs that name it, are signed by the owner and
// not revoked, and without all others, user attributes, unbound subkeys and signatures by others. Addresses are compared
// by [mail.Addr.Key]. What the owner signed about the key itself and its subkeys stays, every revocation with it.
//
// A version 4 certificate may say in each User ID's signature when it expires and which ciphers it prefers; the copy
// says what the remaining User IDs do. The error is [ErrNotNamed] if none remains, or an [*Unusable] if what remains is
// no certificate.
func (c *Cert) For(addr mail.Addr) (*Cert, error) {
	packets, err := parsePackets(c.raw)
	if err != nil {
		return nil, fmt.Errorf("reduce certificate %s: %w", c.Fingerprint(), err)
	}
	var kept []component
	named := false
	for i, part := range components(packets) {
		switch {
		case part.about.tag == tagUserID:
			if !c.names(part.about, addr) {
				continue
			}
			named = true
		case i > 0 && part.about.tag != tagPublicSubkey:
			continue
		}
		part.signatures = c.statements(part)
		if i == 0 || len(part.signatures) > 0 {
			kept = append(kept, part)
		}
	}
	if !named {
		return nil, ErrNotNamed
	}
	reduced, err := newCert(join(kept))
	if err != nil {
		return nil, fmt.Errorf("reduce certificate %s: %w", c.Fingerprint(), err)
	}
	return reduced, nil
}

// names reports whether the User ID is valid, at any time and not revoked, and names the address.
func (c *Cert) names(userID rawPacket, addr mail.Addr) bool {
	id, known := c.entity.Identities[string(userID.body)]
	if !known {
		return false
	}
	named, err := userIDAddr(id.Name)
	if err != nil || named.Key() != addr.Key() {
		return false
	}
	_, err = id.Verify(time.Time{}, policy())
	return err == nil
}

// statements returns the signatures about the component that the owner made.
func (c *Cert) statements(part component) []rawPacket {
	var made []rawPacket
	for _, sig := range part.signatures {
		if s, err := readStatement(c.entity.PrimaryKey, part.about, sig); err == nil {
			made = append(made, s.raw)
		}
	}
	return made
}
