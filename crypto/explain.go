package crypto

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// KeyStatus says what one key of a certificate is and whether the policy lets it be used.
type KeyStatus struct {
	// Fingerprint is upper-case hexadecimal, "" for a key of an unknown kind.
	Fingerprint string
	Primary     bool
	// Algorithm is a name such as "cv25519" or "rsa4096".
	Algorithm string
	// Roles are what the owner lets the key do: "certify", "sign", "encrypt", "authenticate".
	Roles []string
	Used  bool
	// Why is a fragment of a sentence about a key that is not used, such as "it expired on 2026-01-02".
	Why string
}

// String returns one line for people, such as "subkey cv25519 (encrypt): not used, it expired on 2026-01-02".
func (k KeyStatus) String() string {
	var b strings.Builder
	if b.WriteString("subkey "); k.Primary {
		b.Reset()
		b.WriteString("primary key ")
	}
	b.WriteString(k.Algorithm)
	if len(k.Roles) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(k.Roles, ", "))
	}
	if k.Used {
		b.WriteString(": used")
	} else {
		b.WriteString(": not used, " + k.Why)
	}
	return b.String()
}

// Revoked reports whether the owner has withdrawn the whole certificate at that time. A revocation because the key was
// superseded or is no longer used counts from its date on; any other, which may mean that the key is in the wrong
// hands, counts at any time (RFC 9580, section 5.2.3.31).
func (c *Cert) Revoked(at time.Time) bool { return c.entity.Revoked(at) }

// Explain says for each key of the certificate, the primary key first, what the policy makes of it at that time.
// Subkeys are used if they can encrypt or sign and the primary key is in order.
func (c *Cert) Explain(at time.Time) []KeyStatus {
	all := []KeyStatus{c.explainPrimary(at)}
	packets, err := parsePackets(c.raw)
	if err != nil {
		return all
	}
	for _, part := range components(packets) {
		if part.about.tag != tagPublicSubkey {
			continue
		}
		status := KeyStatus{Algorithm: "of an unknown kind", Why: "its kind is not known here"}
		if pub, ok := parsePublicKey(part.about); ok {
			status = c.explainSubkey(pub, at)
		} else if len(part.about.body) > 5 {
			status.Algorithm = fmt.Sprintf("algorithm%d", part.about.body[5])
		}
		if status.Used && !all[0].Used {
			status.Used, status.Why = false, "its primary key cannot be used"
		}
		all = append(all, status)
	}
	return all
}

func (c *Cert) explainPrimary(at time.Time) KeyStatus {
	status := statusOf(c.entity.PrimaryKey)
	self, err := c.entity.PrimarySelfSignature(at, policy())
	if err != nil {
		self, err = c.entity.PrimarySelfSignature(time.Time{}, policy())
	}
	if err == nil {
		status.Roles = roles(self)
	}
	if err := c.checkPrimary(at); err != nil {
		status.Why = err.Error()
		if r := revocationAt(c.entity.Revocations, nil, at); r != nil {
			status.Why = describeRevocation(r)
		}
		return status
	}
	status.Used = true
	return status
}

func (c *Cert) explainSubkey(pub *packet.PublicKey, at time.Time) KeyStatus {
	status := statusOf(pub)
	i := slices.IndexFunc(c.entity.Subkeys, func(sub openpgp.Subkey) bool {
		return slices.Equal(sub.PublicKey.Fingerprint, pub.Fingerprint)
	})
	if i < 0 {
		status.Why = "its kind is not known here"
		return status
	}
	sub := &c.entity.Subkeys[i]
	bound, err := sub.LatestValidBindingSignature(at, policy())
	if err != nil {
		bound, err = sub.LatestValidBindingSignature(time.Time{}, policy())
	}
	if err == nil {
		status.Roles = roles(bound)
	}
	status.Why = c.whyUnused(sub, bound, at)
	status.Used = status.Why == ""
	return status
}

// whyUnused returns "" for a subkey that can be used; bound is nil if it has no valid binding signature.
func (c *Cert) whyUnused(sub *openpgp.Subkey, bound *packet.Signature, at time.Time) string {
	if why := weakness(sub.PublicKey); why != "" {
		return why
	}
	if r := revocationAt(sub.Revocations, bound, at); r != nil {
		return describeRevocation(r)
	}
	switch {
	case bound == nil && c.boundBySHA1(sub):
		return "it is bound by SHA-1 after " + date(sha1Cutoff)
	case bound == nil:
		return "it is not bound to the primary key by a valid signature"
	case sub.PublicKey.CreationTime.After(at), bound.CreationTime.After(at):
		return "it is valid only from " + date(later(sub.PublicKey.CreationTime, bound.CreationTime))
	}
	if expiry := keyExpiry(sub.PublicKey, bound); !expiry.IsZero() && at.After(expiry) {
		return "it expired on " + date(expiry)
	}
	switch _, err := sub.Verify(at, policy()); {
	case err != nil:
		return "the signature that binds it has expired"
	case !encrypts.fit(sub.PublicKey, bound) && !signs.fit(sub.PublicKey, bound):
		return "its owner lets it neither encrypt nor sign"
	}
	return ""
}

func (c *Cert) boundBySHA1(sub *openpgp.Subkey) bool {
	return slices.ContainsFunc(sub.Bindings, func(s *packet.VerifiableSignature) bool {
		return !acceptableHash(s.Packet) && c.entity.PrimaryKey.VerifyKeySignature(sub.PublicKey, s.Packet) == nil
	})
}

func statusOf(pub *packet.PublicKey) KeyStatus {
	return KeyStatus{
		Fingerprint: fmt.Sprintf("%X", pub.Fingerprint),
		Primary:     !pub.IsSubkey,
		Algorithm:   algorithmName(pub),
	}
}

func roles(s *packet.Signature) []string {
	var list []string
	for _, role := range []struct {
		has  bool
		name string
	}{
		{s.FlagCertify, "certify"}, {s.FlagSign, "sign"},
		{s.FlagEncryptCommunications || s.FlagEncryptStorage, "encrypt"}, {s.FlagAuthenticate, "authenticate"},
	} {
		if role.has {
			list = append(list, role.name)
		}
	}
	return list
}

// revocationAt returns the revocation that is in force at that time, a hard one if there is any, and nil if there is
// none. A soft one is in force from its date on, but a newer signature that binds the subkey takes it back.
func revocationAt(revocations []*packet.VerifiableSignature, bound *packet.Signature, at time.Time) *packet.Signature {
	var soft *packet.Signature
	for _, r := range revocations {
		switch {
		case !*r.Valid:
		case isHard(r.Packet):
			return r.Packet
		case !r.Packet.SigExpired(at) && (bound == nil || !bound.CreationTime.After(r.Packet.CreationTime)):
			soft = r.Packet
		}
	}
	return soft
}

// isHard follows RFC 9580, section 5.2.3.31. What gives no reason, or one that is not known, may mean the worst.
func isHard(r *packet.Signature) bool {
	if r.RevocationReason == nil {
		return true
	}
	switch *r.RevocationReason {
	case packet.KeySuperseded, packet.KeyRetired, packet.UserIDNotValid:
		return false
	}
	return true
}

func describeRevocation(r *packet.Signature) string {
	reason := "for no given reason"
	if r.RevocationReason != nil {
		switch *r.RevocationReason {
		case packet.KeySuperseded:
			reason = "as superseded"
		case packet.KeyCompromised:
			reason = "as compromised"
		case packet.KeyRetired:
			reason = "as no longer used"
		case packet.UserIDNotValid:
			reason = "as its User ID is no longer valid"
		case packet.NoReason:
		default:
			reason = "for an unknown reason"
		}
	}
	return fmt.Sprintf("its owner revoked it on %s %s", date(r.CreationTime), reason)
}
