package keys

import (
	"context"
	"fmt"
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
	now   func() time.Time
	cache certCache
}

// NewLocal returns the local source of a store.
func NewLocal(s *store.Store, now func() time.Time) *Local {
	return &Local{store: s, now: now}
}

// Name returns "local".
func (l *Local) Name() string { return localName }

// Lookup returns the certificates that name the address in a valid User ID or were assigned to it by an
// administrator. One that cannot be read makes the answer unknown: it may be the one that counts.
func (l *Local) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	generation, err := l.store.KeyGeneration(ctx)
	if err != nil {
		return nil, err
	}
	certs, cached := l.cache.get(generation, addr.Key())
	if !cached {
		if certs, err = l.load(ctx, addr); err != nil {
			return nil, err
		}
		l.cache.put(generation, addr.Key(), certs)
	}
	if len(certs) == 0 {
		return nil, ErrNotFound
	}
	return slices.Clone(certs), nil
}

func (l *Local) load(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	rows, err := l.store.CertificatesFor(ctx, addr.Key(), localName)
	if err != nil {
		return nil, err
	}
	var certs []*crypto.Cert
	for _, row := range rows {
		cert, err := parseStored(row.Certificate)
		if err != nil {
			return nil, err
		}
		if row.Assigned || carries(cert, addr) {
			certs = append(certs, cert)
		}
	}
	return certs, nil
}

// parseStored parses a certificate of the store.
func parseStored(row store.Certificate) (*crypto.Cert, error) {
	cert, err := crypto.ParseCert(row.Blob)
	if err != nil {
		return nil, fmt.Errorf("the stored certificate %s cannot be read (%w); remove it and import it again", row.Fingerprint, err)
	}
	return cert, nil
}
