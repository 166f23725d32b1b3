package keys

import (
	"errors"
	"time"

	"sealmilter/crypto"
)

// merge decides between the stored certificate and another copy of it. A copy without a revocation never takes the
// place of one with it: whoever withholds a revocation would otherwise undo it.
func merge(stored, copied *crypto.Cert, now time.Time) (kept *crypto.Cert, note string) {
	if revocation(stored, now) != nil && revocation(copied, now) == nil {
		return stored, "the stored certificate is revoked and stays; this copy does not know of it"
	}
	return copied, ""
}

// revocation returns why the certificate is revoked, or is left without an encryption subkey by a revocation; nil if
// neither is so.
func revocation(cert *crypto.Cert, now time.Time) error {
	var unusable *crypto.Unusable
	if errors.As(cert.Check(now), &unusable) && unusable.Reason == crypto.Revoked {
		return unusable
	}
	return nil
}
