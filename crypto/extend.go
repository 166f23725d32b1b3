package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// ExtendOptions are what [SecretKey.Extend] needs beside the time. Both must be set.
type ExtendOptions struct {
	Now  time.Time
	Rand io.Reader
}

// Extend returns a copy of the unlocked key that is valid until a time, in whole seconds. What lasts that long already
// stays as it is; a key that does is returned itself.
//
// New self-signatures say all that the newest ones said, but for their dates. They stand beside the old ones, which
// programs need to judge messages that were signed before. One is made at o.Now, or a second after the one it follows
// where that is not older: a key extended in the very second of its making has the new expiry from the next second on.
// A signature by a hash no longer accepted is followed by one with SHA-512.
//
// Subkeys that are revoked or weak, or that expired before the key as a whole did, stay as they are. The new binding
// of a signing subkey whose secret is missing keeps that subkey's old signature on it.
//
// It fails with [ErrLocked], or an [*Unusable]: a key that is revoked or weak is not extended, nor one whose primary
// key's secret is not here.
func (k *SecretKey) Extend(until time.Time, o ExtendOptions) (*SecretKey, error) {
	until = until.Truncate(time.Second)
	if !until.After(o.Now) {
		return nil, fmt.Errorf("extend key %s: %s has passed", k.Fingerprint(), date(until))
	}
	secrets, err := k.certifyingSecrets(o.Now)
	if err != nil {
		return nil, err
	}
	alive := o.Now
	if expiry, expires := k.Expires(o.Now); expires && expiry.Before(alive) {
		alive = expiry
	}
	x := extension{key: k, secrets: secrets, until: until, alive: alive, options: o, from: o.Now}
	packets, err := x.packets()
	if err != nil {
		return nil, fmt.Errorf("extend key %s: %w", k.Fingerprint(), err)
	}
	if len(packets) == len(k.packets) {
		return k, nil
	}
	extended, err := newSecretKey(packets)
	if err != nil {
		return nil, fmt.Errorf("extend key %s: %w", k.Fingerprint(), err)
	}
	if expiry := extended.cert.primaryExpiry(x.from); !expiry.IsZero() && expiry.Before(until) {
		return nil, fmt.Errorf("extend key %s: it would still expire on %s", k.Fingerprint(), date(expiry))
	}
	return extended, nil
}

// Expires returns when the key stops to be of full use to its owner by what has been said until then: when encrypting to
// it ends ([Cert.Expires]), or when the last part that signs, and whose secret is here, does. An expiry may have passed.
func (k *SecretKey) Expires(at time.Time) (t time.Time, expires bool) {
	t, expires = k.cert.Expires(at)
	var last time.Time
	for _, part := range k.secrets {
		if part.state == missing || part.state == onCard {
			continue
		}
		end, can := k.cert.signingEnd(part.keyID, at)
		switch {
		case !can:
		case end.IsZero():
			return t, expires
		case end.After(last):
			last = end
		}
	}
	if !last.IsZero() && (!expires || last.Before(t)) {
		return last, true
	}
	return t, expires
}

// signingEnd returns when the part of the key with an ID ceases to sign, the zero time for never, and whether it is
// meant to sign at all.
func (c *Cert) signingEnd(id uint64, at time.Time) (end time.Time, can bool) {
	if id == c.entity.PrimaryKey.KeyId {
		sig, err := c.entity.PrimarySelfSignature(at, policy())
		if err != nil {
			sig, err = c.entity.PrimarySelfSignature(time.Time{}, policy())
		}
		return c.primaryExpiry(at), err == nil && signs.allowed(sig)
	}
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		if sub.PublicKey.KeyId != id || weakness(sub.PublicKey) != "" {
			continue
		}
		sig, err := sub.LatestValidBindingSignature(at, policy())
		if err != nil || !signs.allowed(sig) || sub.Revoked(sig, at) {
			continue
		}
		return endOf(sub.PublicKey, sig), true
	}
	return end, false
}

// certifyingSecrets returns the unlocked secrets as privateKeys does if the primary key, the first of them, may sign
// about itself. An expired one may.
func (k *SecretKey) certifyingSecrets(at time.Time) ([]*packet.PrivateKey, error) {
	var unusable *Unusable
	err := k.cert.checkPrimary(at)
	if err != nil && (!errors.As(err, &unusable) || unusable.Reason != Expired) {
		return nil, err
	}
	switch k.secrets[0].state {
	case locked, unlocked:
	case onCard:
		return nil, &Unusable{NoSecret, "the secret of its primary key is on a smart card"}
	default:
		return nil, &Unusable{NoSecret, "the secret of its primary key was left out of the export"}
	}
	if k.Locked() {
		return nil, ErrLocked
	}
	return k.privateKeys()
}

// extension is one run of [SecretKey.Extend] through the packets of a key.
type extension struct {
	key     *SecretKey
	secrets []*packet.PrivateKey // one per secret key packet, in order
	until   time.Time
	// alive is when a subkey must have been valid to be extended with the key.
	alive   time.Time
	options ExtendOptions
	// from is when the last of the new signatures begins to count.
	from time.Time
}

// subject is the part of a key that the signatures after it are about.
type subject struct {
	public  *packet.PublicKey  // whose validity the signature limits
	secret  *packet.PrivateKey // of a subkey; nil where it is missing
	data    []byte             // what its self-signatures are over
	current *packet.Signature  // the newest valid self-signature, nil if none is to be followed by a new one
}

// packets returns those of the key with the new signatures among them.
func (x *extension) packets() ([]rawPacket, error) {
	k := x.key
	primary, _ := k.secrets[0].public.hashed()
	var made []rawPacket
	var about subject
	secrets := 0
	for _, p := range k.packets {
		made = append(made, p)
		switch p.tag {
		case tagSecretKey:
			about = subject{public: k.cert.entity.PrimaryKey, data: primary}
			about.current, _ = k.cert.entity.LatestValidDirectSignature(time.Time{}, policy())
			secrets++
		case tagUserID:
			about = subject{public: k.cert.entity.PrimaryKey, data: over(primary, p)}
			if id, known := k.cert.entity.Identities[string(p.body)]; known {
				about.current, _ = id.Verify(time.Time{}, policy())
			}
		case tagSecretSubkey:
			part := k.secrets[secrets]
			about = x.subkey(part.keyID, over(primary, part.public))
			about.secret = x.secrets[secrets]
			secrets++
		case tagSignature:
			if about.current == nil || !isSignature(p, about.current) {
				continue
			}
			next, err := x.follow(p, about)
			if err != nil {
				return nil, err
			}
			made, about.current = append(made, next...), nil
		default:
			about = subject{}
		}
	}
	return made, nil
}

// over returns what signatures of the primary key about another part of the key are over.
func over(primary []byte, about rawPacket) []byte {
	data, _ := about.hashed()
	return slices.Concat(primary, data)
}

// subkey leaves out of the extension what must not be in it.
func (x *extension) subkey(id uint64, data []byte) subject {
	subkeys := x.key.cert.entity.Subkeys
	i := slices.IndexFunc(subkeys, func(s openpgp.Subkey) bool { return s.PublicKey.KeyId == id })
	if i < 0 {
		return subject{}
	}
	sub := &subkeys[i]
	about := subject{public: sub.PublicKey, data: data}
	sig, err := sub.Verify(time.Time{}, policy())
	if err != nil || weakness(sub.PublicKey) != "" {
		return about
	}
	if end := endOf(sub.PublicKey, sig); end.IsZero() || !end.Before(x.alive) {
		about.current = sig
	}
	return about
}

// isSignature tells whether the packet is the signature that the library has read, by what is hashed of it.
func isSignature(p rawPacket, sig *packet.Signature) bool {
	found, err := parseSignature(p)
	return err == nil && found.HashTag == sig.HashTag && bytes.Equal(found.HashSuffix, sig.HashSuffix)
}

// endOf is when what the signature says ends, by the key's expiry or its own; the zero time is never.
func endOf(pub *packet.PublicKey, sig *packet.Signature) time.Time {
	end := keyExpiry(pub, sig)
	for _, s := range []*packet.Signature{sig, sig.EmbeddedSignature} {
		if s == nil || s.SigLifetimeSecs == nil || *s.SigLifetimeSecs == 0 {
			continue
		}
		sigEnd := s.CreationTime.Add(time.Duration(*s.SigLifetimeSecs) * time.Second)
		if end.IsZero() || sigEnd.Before(end) {
			end = sigEnd
		}
	}
	return end
}

// follow returns the signature that is to follow an old one, none if the old one lasts.
func (x *extension) follow(old rawPacket, about subject) ([]rawPacket, error) {
	if end := endOf(about.public, about.current); end.IsZero() || !end.Before(x.until) {
		return nil, nil
	}
	lifetime := x.until.Sub(about.public.CreationTime) / time.Second
	if lifetime <= 0 || lifetime > math.MaxUint32 {
		return nil, fmt.Errorf("a key made on %s cannot live until %s", date(about.public.CreationTime), date(x.until))
	}
	next, err := parseSelfSignature(old.body)
	if err != nil {
		return nil, err
	}
	at := x.options.Now
	if !at.Truncate(time.Second).After(about.current.CreationTime) {
		at = about.current.CreationTime.Add(time.Second)
	}
	if at.After(x.from) {
		x.from = at
	}
	// A signature that only ended by itself still leaves the key's own expiry to another one.
	if _, expires := next.find(subKeyExpires); expires {
		next.setSeconds(subKeyExpires, uint32(lifetime))
	}
	if about.current.EmbeddedSignature != nil && about.secret != nil {
		if err := x.followEmbedded(&next, about, at); err != nil {
			return nil, err
		}
	}
	p, err := x.resign(next, x.secrets[0], about.data, at)
	return []rawPacket{p}, err
}

// followEmbedded makes the signature of a signing subkey on its primary key anew (RFC 9580, section 5.2.3.34).
func (x *extension) followEmbedded(binding *selfSignature, about subject, at time.Time) error {
	body, found := binding.find(subEmbedded)
	if !found {
		for _, sub := range binding.unhashed {
			if sub.is(subEmbedded) {
				body = sub.body
			}
		}
	}
	back, err := parseSelfSignature(body)
	if err != nil {
		return err
	}
	p, err := x.resign(back, about.secret, about.data, at)
	binding.set(subEmbedded, p.body)
	return err
}

// resign makes a signature that has no end of its own.
func (x *extension) resign(s selfSignature, key *packet.PrivateKey, data []byte, at time.Time) (rawPacket, error) {
	s.setSeconds(subCreated, uint32(at.Unix()))
	s.drop(&s.hashed, subSigExpires)
	if err := s.refreshSalt(x.options.Rand); err != nil {
		return rawPacket{}, err
	}
	return s.sign(key, data, x.options.Rand)
}
