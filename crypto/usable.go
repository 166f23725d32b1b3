package crypto

import (
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Check returns nil if messages can be encrypted to the certificate at that time, and an [*Unusable] otherwise.
func (c *Cert) Check(at time.Time) error {
	_, err := c.encryptionKeys(at)
	return err
}

// encryptionKeys selects all valid encryption subkeys, in the order of the certificate, or the primary key if it is
// the only one to encrypt to. Errors are an [*Unusable].
func (c *Cert) encryptionKeys(at time.Time) ([]openpgp.Key, error) {
	if err := c.checkPrimary(at); err != nil {
		return nil, err
	}
	self, err := c.entity.VerifyPrimaryKey(at, policy())
	if err != nil {
		return nil, malformed("it has no valid self-signature")
	}
	var keys []openpgp.Key
	add := func(pub *packet.PublicKey, sig *packet.Signature) {
		keys = append(keys, openpgp.Key{Entity: c.entity, PrimarySelfSignature: self, PublicKey: pub, SelfSignature: sig})
	}
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		if sig, err := sub.Verify(at, policy()); err == nil && encrypts.fit(sub.PublicKey, sig) {
			add(sub.PublicKey, sig)
		}
	}
	if primary := c.entity.PrimaryKey; len(keys) == 0 && encrypts.fit(primary, self) {
		add(primary, self)
	}
	if len(keys) == 0 {
		return nil, c.whyNoSubkey(at, encrypts)
	}
	return keys, nil
}

// newestKey returns the key that was bound last, of several the first that stands up to a quantum computer.
func newestKey(keys []openpgp.Key) openpgp.Key {
	best := keys[0]
	for _, key := range keys[1:] {
		switch made, last := key.SelfSignature.CreationTime, best.SelfSignature.CreationTime; {
		case made.After(last), made.Equal(last) && key.PublicKey.IsPQ() && !best.PublicKey.IsPQ():
			best = key
		}
	}
	return best
}

func (c *Cert) checkPrimary(at time.Time) error {
	primary := c.entity.PrimaryKey
	switch why := weakness(primary); {
	case why != "":
		return &Unusable{Weak, why}
	case c.entity.Revoked(at):
		return &Unusable{Revoked, "its certificate is revoked"}
	case primary.CreationTime.After(at):
		return &Unusable{NotYetValid, "its certificate is valid only from " + date(primary.CreationTime)}
	}
	_, err := c.entity.VerifyPrimaryKey(at, policy())
	if err == nil {
		return nil
	}
	if expiry := c.primaryExpiry(at); !expiry.IsZero() && at.After(expiry) {
		return &Unusable{Expired, "its certificate expired on " + date(expiry)}
	}
	switch sig, err := c.entity.PrimarySelfSignature(time.Time{}, policy()); {
	case err == nil && sig.CreationTime.After(at):
		return &Unusable{NotYetValid, "its self-signature is valid only from " + date(sig.CreationTime)}
	case err == nil && sig.SigExpired(at):
		return &Unusable{Expired, "its self-signature has expired"}
	case c.weakHash:
		return &Unusable{Weak, "its self-signature uses SHA-1 and was made after " + date(sha1Cutoff)}
	}
	return malformed("it has no valid self-signature")
}

// usage is what a subkey is wanted for.
type usage struct {
	allowed func(*packet.Signature) bool
	able    func(packet.PublicKeyAlgorithm) bool
	none    Unusable
	noun    string
}

// fit reports whether the key is of use and meant for it by the signature that binds it.
func (u usage) fit(pub *packet.PublicKey, sig *packet.Signature) bool {
	return u.able(pub.PubKeyAlgo) && u.allowed(sig) && weakness(pub) == ""
}

var (
	encrypts = usage{
		allowed: func(s *packet.Signature) bool { return s.FlagEncryptCommunications || s.FlagEncryptStorage },
		able:    packet.PublicKeyAlgorithm.CanEncrypt,
		none:    Unusable{NoEncryption, "it has no key to encrypt to"},
		noun:    "encryption subkey",
	}
	signs = usage{
		allowed: func(s *packet.Signature) bool { return s.FlagSign },
		able:    packet.PublicKeyAlgorithm.CanSign,
		none:    Unusable{NoSigning, "it has no key to sign with"},
		noun:    "signing subkey",
	}
)

// whyNoSubkey says what is wrong with the newest subkey for the usage when none can be used.
func (c *Cert) whyNoSubkey(at time.Time, u usage) error {
	why := &u.none
	var newest time.Time
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		if !u.able(sub.PublicKey.PubKeyAlgo) || !newest.IsZero() && sub.PublicKey.CreationTime.Before(newest) {
			continue
		}
		if w := c.whyNotSubkey(sub, at, u); w != nil {
			why, newest = w, sub.PublicKey.CreationTime
		}
	}
	return why
}

// whyNotSubkey returns nil for a subkey that is not meant for the usage.
func (c *Cert) whyNotSubkey(sub *openpgp.Subkey, at time.Time, u usage) *Unusable {
	sig, err := sub.LatestValidBindingSignature(at, policy())
	if err != nil {
		// Not at that time; perhaps at another.
		sig, err = sub.LatestValidBindingSignature(time.Time{}, policy())
	}
	switch {
	case err != nil && c.weakHash:
		return &Unusable{Weak, fmt.Sprintf("its %s is bound by SHA-1 after %s", u.noun, date(sha1Cutoff))}
	case err != nil:
		return malformed(fmt.Sprintf("its %s is not bound to it by a valid signature", u.noun))
	case !u.allowed(sig):
		return nil
	case weakness(sub.PublicKey) != "":
		return &Unusable{Weak, weakness(sub.PublicKey)}
	case sub.Revoked(sig, at):
		return &Unusable{Revoked, fmt.Sprintf("its %s is revoked", u.noun)}
	case sub.PublicKey.CreationTime.After(at), sig.CreationTime.After(at):
		return &Unusable{NotYetValid, fmt.Sprintf("its %s is valid only from %s", u.noun, date(sig.CreationTime))}
	}
	if expiry := keyExpiry(sub.PublicKey, sig); !expiry.IsZero() && at.After(expiry) {
		return &Unusable{Expired, fmt.Sprintf("its %s expired on %s", u.noun, date(expiry))}
	}
	if sig.SigExpired(at) {
		return &Unusable{Expired, fmt.Sprintf("the signature that binds its %s has expired", u.noun)}
	}
	return &u.none
}

// Expires returns when encrypting to the certificate ends by what its owner has said until then: at the end of its
// primary key, or of the encryption subkey that lasts longest. An expiry may have passed.
func (c *Cert) Expires(at time.Time) (t time.Time, expires bool) {
	t = c.primaryExpiry(at)
	var last time.Time
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		sig, err := sub.LatestValidBindingSignature(at, policy())
		if err != nil || !encrypts.allowed(sig) || sub.Revoked(sig, at) {
			continue
		}
		expiry := keyExpiry(sub.PublicKey, sig)
		if expiry.IsZero() {
			return t, !t.IsZero()
		}
		if expiry.After(last) {
			last = expiry
		}
	}
	if !last.IsZero() && (t.IsZero() || last.Before(t)) {
		t = last
	}
	return t, !t.IsZero()
}

// primaryExpiry is the zero time for a primary key that does not expire. In version 4 keys the User ID's signature
// and the direct-key signature may both say so: the earlier counts.
func (c *Cert) primaryExpiry(at time.Time) time.Time {
	sig, err := c.entity.PrimarySelfSignature(at, policy())
	if err != nil {
		sig, err = c.entity.PrimarySelfSignature(time.Time{}, policy())
	}
	var expiry time.Time
	if err == nil {
		expiry = keyExpiry(c.entity.PrimaryKey, sig)
	}
	if direct, err := c.entity.LatestValidDirectSignature(at, policy()); err == nil {
		if d := keyExpiry(c.entity.PrimaryKey, direct); !d.IsZero() && (expiry.IsZero() || d.Before(expiry)) {
			expiry = d
		}
	}
	return expiry
}

// keyExpiry is the zero time for a key that does not expire (RFC 9580, section 5.2.3.13).
func keyExpiry(pub *packet.PublicKey, sig *packet.Signature) time.Time {
	if sig.KeyLifetimeSecs == nil || *sig.KeyLifetimeSecs == 0 {
		return time.Time{}
	}
	return pub.CreationTime.Add(time.Duration(*sig.KeyLifetimeSecs) * time.Second).UTC()
}
