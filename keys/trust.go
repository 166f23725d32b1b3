package keys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// candidate is a certificate that a source gives for an address.
type candidate struct {
	cert *crypto.Cert
	// given is the certificate as the source has just given it, with what others have certified of it; nil if the
	// answer is an older one.
	given  *crypto.Cert
	level  Level
	source string
	// former has the fingerprints of those whose successor a pinned certificate is.
	former []string
	// disowned says that it no longer names the address, nor was it assigned to it.
	disowned bool
}

// rivalry is what decides whether a certificate may take the place of the pinned one. The rules are those of LEAP's
// transitional key validation. Its exception for keys with which both sides have signed and encrypted falls away: a
// milter for outgoing mail never sees the other side sign, so no key comes that far.
type rivalry struct {
	// same says that both are the same certificate, by fingerprint.
	same bool
	// old and new are how far the two are believed.
	old, new Level
	// spent says that the old one has expired, is revoked or is otherwise of no more use, for the address at least.
	spent bool
	// successor says that the old one has certified the new one for the address, and predecessor that it is the new one
	// whose successor has taken its place before. So two that have certified each other have an order.
	successor, predecessor bool
}

// judgement is what becomes of a certificate beside the pinned one. The zero judgement lets the pinned one stand.
type judgement uint8

const (
	conflicting judgement = iota
	unchanged
	replacing
	// outdated lets the pinned one stand and is no conflict.
	outdated
)

// judge is the table, with the row that decided in words.
func (r rivalry) judge() (judgement, string) {
	switch {
	case r.same:
		return unchanged, "it is the pinned certificate"
	case r.new == Fingerprint:
		return replacing, "an administrator has confirmed its fingerprint"
	case r.predecessor && !r.spent:
		return outdated, "the pinned certificate is its successor"
	case r.successor:
		return replacing, "the old certificate has certified it"
	case r.spent && r.new >= r.old:
		return replacing, fmt.Sprintf("the old certificate is of no more use, and the new one is believed as far (%s)", r.new)
	case r.new > r.old:
		return replacing, fmt.Sprintf("it is believed further (%s) than the old certificate (%s)", r.new, r.old)
	case r.spent:
		return conflicting, fmt.Sprintf("it is believed less (%s) than the old certificate (%s) was", r.new, r.old)
	default:
		return conflicting, fmt.Sprintf("it is believed no further (%s) than the old certificate (%s), which is still valid", r.new, r.old)
	}
}

// rival compares a candidate for an address with the pinned certificate.
func rival(old candidate, fresh candidate, addr mail.Addr, now time.Time) rivalry {
	return rivalry{
		same:        old.cert.Fingerprint() == fresh.cert.Fingerprint(),
		old:         old.level,
		new:         fresh.level,
		spent:       old.disowned || spent(old.cert, now),
		successor:   old.cert.Certifies(cmp.Or(fresh.given, fresh.cert), addr, now),
		predecessor: slices.Contains(old.former, fresh.cert.Fingerprint()),
	}
}

// inherited is how far a certificate is believed that takes the old one's place: a successor as far as the one that
// vouches for it.
func (r rivalry) inherited() Level {
	if r.successor {
		return max(r.old, r.new)
	}
	return r.new
}

// spent reports whether nothing can be encrypted to the certificate any more.
func spent(cert *crypto.Cert, now time.Time) bool {
	var unusable *crypto.Unusable
	return errors.As(cert.Check(now), &unusable) && unusable.Reason != crypto.NotYetValid
}
