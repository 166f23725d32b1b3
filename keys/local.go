package keys

import (
	"context"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// localName is the name of the local source, in the store as well.
const localName = "local"

// Local is the source of certificates that an administrator has imported. It is safe for concurrent use, and another
// process may change its certificates at any time.
type Local struct {
	store *store.Store
	certs *certCache
	now   func() time.Time
}

// NewLocal returns the local source of a store.
func NewLocal(s *store.Store, now func() time.Time) *Local {
	return &Local{store: s, certs: newCertCache(), now: now}
}

// Name returns "local".
func (l *Local) Name() string { return localName }

// Lookup returns the certificates that name the address in a valid User ID or were assigned to it by an
// administrator. One that cannot be read makes the answer unknown: it may be the one that counts.
func (l *Local) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	certs, err := l.load(ctx, addr)
	if err == nil && len(certs) == 0 {
		return nil, ErrNotFound
	}
	return certs, err
}

// ask is Lookup for the directory. Its answers count until the store changes.
func (l *Local) ask(ctx context.Context, addr mail.Addr, _ bool) reply {
	certs, err := l.load(ctx, addr)
	switch {
	case err != nil:
		return reply{detail: err.Error()}
	case len(certs) == 0:
		return reply{outcome: noKey, detail: "no key"}
	}
	return reply{outcome: found, certs: certs}
}

func (l *Local) load(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	rows, err := l.store.CertificatesFor(ctx, addr.Key(), localName)
	if err != nil {
		return nil, err
	}
	var certs []*crypto.Cert
	for _, row := range rows {
		cert, err := l.certs.parse(row.Certificate)
		if err != nil {
			return nil, err
		}
		if row.Assigned || carries(cert, addr.Key()) {
			certs = append(certs, cert)
		}
	}
	return certs, nil
}

// carries reports whether the certificate says by a valid User ID that it serves an address, in the form of
// [mail.Addr.Key].
func carries(cert *crypto.Cert, address string) bool {
	return slices.ContainsFunc(cert.Addrs(), func(a mail.Addr) bool { return a.Key() == address })
}
