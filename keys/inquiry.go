package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// inquiry is one lookup on its way from source to source.
type inquiry struct {
	now   time.Time
	trace []Step
	// silent names the sources that did not answer.
	silent []string
	// revoked holds the fingerprints of certificates that a source showed to be revoked. A less trusted one may have
	// an older copy of them.
	revoked map[string]bool
	// unusable says of certificates why they cannot be used.
	unusable []string

	cert   *crypto.Cert
	source string
}

// ask asks a source for addr, then for addr without its tag, and reports whether the inquiry has come to its end.
func (q *inquiry) ask(ctx context.Context, source Source, addr mail.Addr) bool {
	for _, form := range forms(addr) {
		certs, err := lookup(ctx, source, form)
		switch {
		case errors.Is(err, ErrNotFound):
			q.note(source, form, None, "no key")
			continue
		case err != nil:
			q.note(source, form, Unknown, err.Error())
			q.silent = append(q.silent, source.Name())
			return false
		}
		cert, why := q.choose(certs, form, ownWord(source))
		if cert == nil {
			q.note(source, form, None, why)
			continue
		}
		q.note(source, form, Found, cert.Fingerprint())
		q.cert, q.source = cert, source.Name()
		return true
	}
	return false
}

// lookup holds a source to its contract: it answers in time, and without a certificate it says so.
func lookup(ctx context.Context, source Source, addr mail.Addr) ([]*crypto.Cert, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("not asked, the time for the lookup is over: %w", err)
	}
	certs, err := source.Lookup(ctx, addr)
	if err == nil && len(certs) == 0 {
		return nil, errors.New("it gave neither a certificate nor an answer")
	}
	return certs, err
}

// choose returns the newest certificate that can be used now, or why there is none. Unless the source's word is
// enough, a certificate must say itself, by a valid User ID, that it serves addr.
func (q *inquiry) choose(certs []*crypto.Cert, addr mail.Addr, ownWord bool) (*crypto.Cert, string) {
	newestFirst := slices.SortedFunc(slices.Values(certs), func(a, b *crypto.Cert) int {
		return cmp.Or(b.Created().Compare(a.Created()), cmp.Compare(a.Fingerprint(), b.Fingerprint()))
	})
	var reasons []string
	for _, cert := range newestFirst {
		if !ownWord && !carries(cert, addr) {
			continue
		}
		why := q.obstacle(cert)
		if why == "" {
			return cert, ""
		}
		reasons = append(reasons, why)
	}
	if len(reasons) == 0 {
		return nil, "it gave only certificates for other addresses"
	}
	q.unusable = append(q.unusable, reasons...)
	return nil, strings.Join(reasons, "; ")
}

// obstacle says why the certificate cannot be used now, "" if it can.
func (q *inquiry) obstacle(cert *crypto.Cert) string {
	fingerprint := cert.Fingerprint()
	err := cert.Check(q.now)
	var unusable *crypto.Unusable
	if errors.As(err, &unusable) && unusable.Reason == crypto.Revoked {
		if q.revoked == nil {
			q.revoked = make(map[string]bool)
		}
		q.revoked[fingerprint] = true
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%v (%s)", err, fingerprint)
	case q.revoked[fingerprint]:
		return fmt.Sprintf("a more trusted source says that its certificate is revoked (%s)", fingerprint)
	}
	return ""
}

// carries reports whether the certificate says by a valid User ID that it serves addr.
func carries(cert *crypto.Cert, addr mail.Addr) bool {
	return slices.ContainsFunc(cert.Addrs(), func(a mail.Addr) bool { return a.Key() == addr.Key() })
}

func (q *inquiry) note(source Source, addr mail.Addr, status Status, detail string) {
	q.trace = append(q.trace, Step{Source: source.Name(), Address: addr.String(), Status: status, Detail: detail})
}

// answer is what the inquiry has come to. SeenBefore is left to the caller unless this inquiry has seen a key.
func (q *inquiry) answer() Answer {
	a := Answer{Trace: q.trace}
	switch {
	case len(q.silent) > 0 && q.cert != nil:
		a.Why = fmt.Sprintf("%s did not answer, and %s, which has a key, is trusted less", strings.Join(q.silent, ", "), q.source)
		a.SeenBefore = true
	case len(q.silent) > 0:
		a.Why = strings.Join(q.silent, ", ") + " did not answer"
	case q.cert != nil:
		a.Status, a.Cert, a.Source = Found, q.cert, q.source
	case len(q.unusable) > 0:
		a.Status, a.Why = None, strings.Join(q.unusable, "; ")
	default:
		a.Status, a.Why = None, "no source has a key"
	}
	return a
}
