package keys

import (
	"errors"
	"fmt"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// candidate is a certificate that a source gives for an address.
type candidate struct {
	cert   *crypto.Cert
	level  Level
	source string
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
	// certified says that the old one has certified the new one for the address.
	certified bool
}

// judgement is what becomes of a certificate beside the pinned one. The zero judgement lets the pinned one stand.
type judgement uint8

const (
	conflicting judgement = iota
	unchanged
	replacing
)

// judge is the table, with the row that decided in words.
func (r rivalry) judge() (judgement, string) {
	switch {
	case r.same:
		return unchanged, "it is the pinned certificate"
	case r.new == Fingerprint:
		return replacing, "an administrator has confirmed its fingerprint"
	case r.certified:
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
		same:      old.cert.Fingerprint() == fresh.cert.Fingerprint(),
		old:       old.level,
		new:       fresh.level,
		spent:     old.disowned || spent(old.cert, now),
		certified: old.cert.Certifies(fresh.cert, addr, now),
	}
}

// spent reports whether nothing can be encrypted to the certificate any more.
func spent(cert *crypto.Cert, now time.Time) bool {
	var unusable *crypto.Unusable
	return errors.As(cert.Check(now), &unusable) && unusable.Reason != crypto.NotYetValid
}
