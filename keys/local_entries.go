package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// Entry is one certificate of the store, whoever gave it.
type Entry struct {
	Fingerprint string
	// Cert is nil if the certificate cannot be read.
	Cert *crypto.Cert
	// Services are the addresses it serves, and on whose word.
	Services []Service
	// Pinned are the addresses for which it is the one in use.
	Pinned  []string
	Added   time.Time
	Updated time.Time
}

// Service says that a certificate serves an address.
type Service struct {
	Address string // as it is looked up
	Source  string // who gave the certificate
	Level   Level
	// Assigned marks an administrator's word; otherwise the certificate names the address itself.
	Assigned bool
}

// Addresses returns the addresses it serves, each once, in order.
func (e Entry) Addresses() []string {
	var all []string
	for _, s := range e.Services {
		all = append(all, s.Address)
	}
	return slices.Compact(slices.Sorted(slices.Values(append(all, e.Pinned...))))
}

// List goes through all certificates by fingerprint. An error that comes with an Entry that has a fingerprint is
// about that certificate alone; any other ends the sequence.
func (l *Local) List(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for row, err := range l.store.Certificates(ctx) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !yield(l.entry(ctx, row)) {
				return
			}
		}
	}
}

// Get returns the certificate with a fingerprint, or those that serve an address, whoever gave them. Errors wrap
// [ErrNotFound] if there is none, and [mail.ErrAddr] if which is neither a fingerprint nor an address.
func (l *Local) Get(ctx context.Context, which string) ([]Entry, error) {
	fingerprint, addr, err := parseWhich(which)
	if err != nil {
		return nil, err
	}
	var rows []store.Certificate
	if fingerprint != "" {
		row, err := l.store.Certificate(ctx, fingerprint)
		switch {
		case err == nil:
			rows = append(rows, row)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	} else {
		var err error
		if rows, err = l.store.CertificatesOf(ctx, addr.Key()); err != nil {
			return nil, err
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, which)
	}
	var entries []Entry
	for _, row := range rows {
		entry, err := l.entry(ctx, row)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (l *Local) entry(ctx context.Context, row store.Certificate) (Entry, error) {
	e := Entry{Fingerprint: row.Fingerprint, Added: row.Added, Updated: row.Updated}
	services, err := l.store.Services(ctx, row.Fingerprint)
	if err != nil {
		return e, err
	}
	for _, s := range services {
		e.Services = append(e.Services, Service{s.Address, s.Source, Level(s.Level), s.Assigned})
	}
	pins, err := l.store.PinsTo(ctx, row.Fingerprint)
	if err != nil {
		return e, err
	}
	for _, pin := range pins {
		e.Pinned = append(e.Pinned, pin.Address)
	}
	e.Cert, err = parseStored(row)
	return e, err
}

// Export writes the certificate with a fingerprint, or those that serve an address, in ASCII armor. It fails as
// [Local.Get] does.
func (l *Local) Export(ctx context.Context, w io.Writer, which string) error {
	entries, err := l.Get(ctx, which)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := entry.Cert.WriteArmored(w); err != nil {
			return fmt.Errorf("export certificate %s: %w", entry.Fingerprint, err)
		}
	}
	return nil
}

// Remove deletes the certificate with a fingerprint, or takes an address from all certificates that serve it and
// deletes those that then serve none. It fails as [Local.Get] does. That the address had a key stays on record.
func (l *Local) Remove(ctx context.Context, which string) error {
	fingerprint, addr, err := parseWhich(which)
	if err != nil {
		return err
	}
	var found bool
	err = l.store.UpdateKeys(ctx, func(tx *store.KeyTx) (err error) {
		if fingerprint != "" {
			found, err = tx.RemoveCertificate(ctx, fingerprint)
		} else {
			found, err = tx.RemoveAddress(ctx, addr.Key())
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("remove %s: %w", which, err)
	case !found:
		return fmt.Errorf("%w: %s", ErrNotFound, which)
	}
	return nil
}
