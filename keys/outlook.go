package keys

import (
	"context"
	"errors"
	"iter"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// ExpiresSoon is how long before its end the certificate of a recipient is warned about.
const ExpiresSoon = 30 * day

// Prospect is how long mail to an address can be encrypted with what is stored.
type Prospect struct {
	Address     string // as it is looked up
	Fingerprint string
	// Source gave the certificate.
	Source string
	// Expires is when the certificate ends, the zero time if it does not, or cannot be read.
	Expires time.Time
	// Err is why nothing can be encrypted to it now, nil if something can.
	Err error
}

// Expired reports whether nothing can be encrypted to the certificate because its time is over.
func (p Prospect) Expired() bool {
	var unusable *crypto.Unusable
	return errors.As(p.Err, &unusable) && unusable.Reason == crypto.Expired
}

// Expiring reports whether the certificate can be used, and ends within [ExpiresSoon].
func (p Prospect) Expiring(now time.Time) bool {
	return p.Err == nil && !p.Expires.IsZero() && p.Expires.Sub(now) < ExpiresSoon
}

// Prospects goes through all addresses for which a certificate is stored, each once. Where none is in use yet, it is the
// certificate that lasts longest. No source is asked. An error ends it. Every certificate is parsed for it.
func (l *Local) Prospects(ctx context.Context) iter.Seq2[Prospect, error] {
	return func(yield func(Prospect, error) bool) {
		var best Prospect // of the address at hand, which may have several
		for row, err := range l.store.CertificatesInUse(ctx) {
			if err != nil {
				yield(Prospect{}, err)
				return
			}
			next := prospect(row, l.now())
			switch {
			case best.Address == next.Address && !next.outlasts(best):
				continue
			case best.Address != "" && best.Address != next.Address && !yield(best, nil):
				return
			}
			best = next
		}
		if best.Address != "" {
			yield(best, nil)
		}
	}
}

func prospect(row store.InUse, now time.Time) Prospect {
	p := Prospect{Address: row.Address, Fingerprint: row.Fingerprint, Source: row.Source}
	if row.Blob == nil {
		p.Err = ErrNotFound
		return p
	}
	cert, err := crypto.ParseCert(row.Blob)
	if err != nil {
		p.Err = err
		return p
	}
	p.Err = cert.Check(now)
	p.Expires, _ = cert.Expires(now)
	return p
}

// outlasts reports whether mail can be encrypted longer with p than with q.
func (p Prospect) outlasts(q Prospect) bool {
	switch {
	case (p.Err == nil) != (q.Err == nil):
		return p.Err == nil
	case q.Expires.IsZero():
		return false
	default:
		return p.Expires.IsZero() || p.Expires.After(q.Expires)
	}
}
