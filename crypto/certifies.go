package crypto

import (
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/internal/mail"
)

// Certifies reports whether the owner of this certificate vouches, at that time, that a User ID of the other names its
// owner's address: whether a User ID that is valid at that time and names addr, compared by [mail.Addr.Key], carries a
// certification by this primary key (RFC 9580, section 5.2.1, types 0x10 to 0x13) that is neither from the future nor
// expired, by a hash that the policy accepts, and not followed by a revocation of it. Certifications that are marked
// as not exportable do not count.
//
// The primary key must have been fit to certify when it did: neither weak nor revoked by then, within its validity, and
// with the flag for it. Its validity is judged by what the owner says of it at the time asked about, since a renewed
// self-signature replaces the old one. So an expired key still vouches for what it certified before, a key that was
// superseded or retired later too, but a key that was compromised, or revoked without a reason, vouches for nothing: its
// certifications may have any date.
//
// Whether the other certificate is itself revoked or can be encrypted to is for its Check to say.
func (c *Cert) Certifies(other *Cert, addr mail.Addr, at time.Time) bool {
	packets, err := parsePackets(other.raw)
	if err != nil {
		return false
	}
	limit := maxSignatures
	if slow(c.entity.PrimaryKey) {
		limit = maxSlowSignatures
	}
	for _, part := range components(packets) {
		if part.about.tag != tagUserID || !other.names(part.about, addr) {
			continue
		}
		id := other.entity.Identities[string(part.about.body)]
		if _, err := id.Verify(at, policy()); err != nil {
			continue
		}
		if c.vouches(other, part, at, &limit) && limit >= 0 {
			return true
		}
	}
	return false
}

// vouches looks for the newest certification of the User ID by this key and for a revocation that is not older. It
// checks no more signatures than the limit, from which it takes them; if there are more, the limit is negative then.
func (c *Cert) vouches(other *Cert, userID component, at time.Time, limit *int) bool {
	var certified, revoked time.Time
	for _, raw := range userID.signatures {
		s, err := parseSignature(raw)
		if err != nil || !s.CheckKeyIdOrFingerprint(c.entity.PrimaryKey) || s.SigExpired(at) {
			continue
		}
		revoking := s.SigType == sigCertRevocation
		if !revoking && (s.SigType < sigGenericCert || s.SigType > sigPositiveCert || !c.couldCertify(s, at)) {
			continue
		}
		if *limit--; *limit < 0 {
			return false
		}
		if c.entity.PrimaryKey.VerifyUserIdSignature(string(userID.about.body), other.entity.PrimaryKey, s) != nil {
			continue
		}
		if revoking {
			revoked = later(revoked, s.CreationTime)
		} else {
			certified = later(certified, s.CreationTime)
		}
	}
	return !certified.IsZero() && (revoked.IsZero() || revoked.Before(certified))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// couldCertify reports whether the primary key was fit to make such a certification when it says that it was made.
func (c *Cert) couldCertify(s *packet.Signature, at time.Time) bool {
	primary, made := c.entity.PrimaryKey, s.CreationTime
	if !acceptableHash(s) || hasUnknownCriticalNotation(s) || weakness(primary) != "" ||
		made.Before(primary.CreationTime) || c.entity.Revoked(made) {
		return false
	}
	self, err := c.entity.PrimarySelfSignature(at, policy())
	if err != nil {
		self, err = c.entity.PrimarySelfSignature(time.Time{}, policy())
	}
	if err != nil || !self.FlagCertify {
		return false
	}
	if self.SigLifetimeSecs != nil && *self.SigLifetimeSecs != 0 && self.SigExpired(later(made, self.CreationTime)) {
		return false
	}
	expiry := c.primaryExpiry(at)
	return expiry.IsZero() || made.Before(expiry)
}
