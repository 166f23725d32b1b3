package crypto

import (
	"bytes"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/internal/mail"
)

// Minimal returns the least of the certificate that somebody needs to encrypt to an address at that time, as headers
// carry it (Autocrypt Level 1, "OpenPGP Based key data"; RFC 9580, section 10.1): the primary key, one User ID that
// names the address with its newest self-signature, and the newest encryption subkey with its newest binding, or none
// where the primary key is the only one to encrypt to. A direct-key signature stays where a reader needs it: in a
// version 6 certificate, and where it ends a version 4 key before the User ID's signature does.
//
// Of several User IDs that name the address the one that is marked as primary is taken, else the one signed last.
// Signatures by others are left out. The error is an [*Unusable] if the certificate, or what is left of it, cannot be
// encrypted to, and [ErrNotNamed] if no User ID that is valid at that time names the address.
func (c *Cert) Minimal(addr mail.Addr, at time.Time) (*Cert, error) {
	keys, err := c.encryptionKeys(at)
	if err != nil {
		return nil, err
	}
	packets, err := parsePackets(c.raw)
	if err != nil {
		return nil, fmt.Errorf("reduce certificate %s: %w", c.Fingerprint(), err)
	}
	parts := components(packets)
	userID, self, found := c.userIDFor(parts, addr, at)
	if !found {
		return nil, ErrNotNamed
	}
	primary := component{about: parts[0].about}
	if direct := c.neededDirect(self, at); direct != nil {
		primary.signatures = c.carrying(parts[0], direct)
	}
	kept := []component{primary, {userID.about, c.carrying(userID, self)}}
	best := newestKey(keys)
	for _, part := range parts {
		if part.about.tag == tagPublicSubkey && isKey(part.about, best.PublicKey) {
			kept = append(kept, component{part.about, c.carrying(part, best.SelfSignature)})
		}
	}
	minimal, err := newCert(join(kept))
	if err != nil {
		return nil, fmt.Errorf("reduce certificate %s: %w", c.Fingerprint(), err)
	}
	if err := minimal.Check(at); err != nil {
		return nil, err
	}
	return minimal, nil
}

// userIDFor returns the User ID that stands for the address at that time, and its self-signature.
func (c *Cert) userIDFor(parts []component, addr mail.Addr, at time.Time) (best component, self *packet.Signature, found bool) {
	for _, part := range parts {
		if part.about.tag != tagUserID || !c.names(part.about, addr) {
			continue
		}
		sig, err := c.entity.Identities[string(part.about.body)].Verify(at, policy())
		if err == nil && (self == nil || preferred(sig, self)) {
			best, self = part, sig
		}
	}
	return best, self, self != nil
}

// preferred reports whether a User ID with the first self-signature comes before one with the second.
func preferred(sig, other *packet.Signature) bool {
	if a, b := isPrimaryID(sig), isPrimaryID(other); a != b {
		return a
	}
	return sig.CreationTime.After(other.CreationTime)
}

func isPrimaryID(sig *packet.Signature) bool { return sig.IsPrimaryId != nil && *sig.IsPrimaryId }

// neededDirect returns the direct-key signature without which readers would take the certificate for another, nil if
// there is none.
func (c *Cert) neededDirect(self *packet.Signature, at time.Time) *packet.Signature {
	direct, err := c.entity.LatestValidDirectSignature(at, policy())
	switch {
	case err != nil:
		return nil
	case c.entity.PrimaryKey.Version >= 6:
		return direct
	}
	end, ofUserID := keyExpiry(c.entity.PrimaryKey, direct), keyExpiry(c.entity.PrimaryKey, self)
	if end.IsZero() || !ofUserID.IsZero() && !end.Before(ofUserID) {
		return nil
	}
	return direct
}

// carrying returns the packet of a signature about the component, without what others may have added to it.
func (c *Cert) carrying(part component, sig *packet.Signature) []rawPacket {
	for _, raw := range part.signatures {
		s, err := parseSignature(raw)
		if err != nil || !bytes.Equal(s.HashSuffix, sig.HashSuffix) {
			continue // to look at the hashed part costs no time
		}
		if made, err := readStatement(c.entity.PrimaryKey, part.about, raw); err == nil {
			return []rawPacket{made.raw}
		}
	}
	return nil
}

func isKey(p rawPacket, pub *packet.PublicKey) bool {
	parsed, ok := parsePublicKey(p)
	return ok && bytes.Equal(parsed.Fingerprint, pub.Fingerprint)
}
