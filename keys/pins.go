package keys

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/internal/store"
)

// adminSource is who gave a certificate that an administrator has chosen by its fingerprint.
const adminSource = "administrator"

// Pin makes the certificate with a fingerprint the one for an address, whatever any source says, and ends the
// address's conflicts. The certificate must be in the store, as those of conflicts are, and must name the address
// unless an administrator has assigned it to the address; errors wrap [ErrNotFound] if it is not there. That the
// certificate cannot be used now is an error, too.
func (d *Directory) Pin(ctx context.Context, addr mail.Addr, fingerprint string) error {
	addr = d.options.Map.target(addr)
	now := d.now()
	err := d.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		row, err := tx.Certificate(ctx, fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%w: no certificate %s is known; import it first", ErrNotFound, fingerprint)
		}
		if err != nil {
			return err
		}
		cert, err := parseStored(row)
		if err != nil {
			return err
		}
		if err := cert.Check(now); err != nil {
			return fmt.Errorf("the certificate cannot be used: %w", err)
		}
		serves, err := serves(ctx, tx, cert, addr.Key())
		if err != nil {
			return err
		}
		if !serves {
			return fmt.Errorf("none of the certificate's valid User IDs names %s; if it is theirs all the same: sealmilter keys import --for %s FILE", addr, shell.Quote(addr.String()))
		}
		if _, err := tx.RemoveConflicts(ctx, addr.Key(), ""); err != nil {
			return err
		}
		if err := tx.MarkSeen(ctx, addr.Key(), now); err != nil {
			return err
		}
		return tx.SetPin(ctx, store.Pin{Address: addr.Key(), Fingerprint: fingerprint, Level: uint8(Fingerprint),
			Source: adminSource, Pinned: now, Refresh: d.nextRefresh()})
	})
	if err != nil {
		return fmt.Errorf("pin %s to %s: %w", addr, fingerprint, err)
	}
	return nil
}

// ownRefresh is when the sources are first asked about the certificate of a sender's own key.
const ownRefresh = 24 * time.Hour

// pinOwn makes the certificate of a sender's own key the one for the address: who gave us the secret key has left no
// doubt about whose it is.
func pinOwn(ctx context.Context, tx *store.KeyTx, addr mail.Addr, fingerprint string, now time.Time) error {
	if _, err := tx.RemoveConflicts(ctx, addr.Key(), ""); err != nil {
		return err
	}
	return tx.SetPin(ctx, store.Pin{Address: addr.Key(), Fingerprint: fingerprint, Level: uint8(Fingerprint), Source: localName,
		Pinned: now, Refresh: now.Add(ownRefresh)})
}

// serves reports whether a certificate names an address, in the form of [mail.Addr.Key], or was assigned to it.
func serves(ctx context.Context, from certificates, cert *crypto.Cert, address string) (bool, error) {
	if carries(cert, address) {
		return true, nil
	}
	return from.Assigned(ctx, cert.Fingerprint(), address)
}

// Unpin forgets which certificate an address was first used with, and its conflicts: what the sources say at the next
// lookup is pinned anew. Errors wrap [ErrNotFound] if nothing is pinned.
func (d *Directory) Unpin(ctx context.Context, addr mail.Addr) error {
	addr = d.options.Map.target(addr)
	found := false
	err := d.store.UpdateKeys(ctx, func(tx *store.KeyTx) (err error) {
		if _, err := tx.RemoveConflicts(ctx, addr.Key(), ""); err != nil {
			return err
		}
		found, err = tx.RemovePin(ctx, addr.Key())
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("unpin %s: %w", addr, err)
	case !found:
		return fmt.Errorf("unpin %s: %w is pinned", addr, ErrNotFound)
	}
	return nil
}

// PinnedKey is the certificate in use for an address.
type PinnedKey struct {
	Address     string // as it is looked up
	Fingerprint string
	Level       Level
	Source      string
	Pinned      time.Time
}

// Pins goes through the certificates in use by address; an error ends it.
func (d *Directory) Pins(ctx context.Context) iter.Seq2[PinnedKey, error] {
	return func(yield func(PinnedKey, error) bool) {
		for p, err := range d.store.Pins(ctx) {
			if !yield(PinnedKey{p.Address, p.Fingerprint, Level(p.Level), p.Source, p.Pinned}, err) {
				return
			}
		}
	}
}

// Conflict is a certificate that may not take the place of the one in use before an administrator says so.
type Conflict struct {
	Address     string // as it is looked up
	Fingerprint string // of the certificate that waits
	Pinned      string // the fingerprint of the one in use
	Source      string // who gave the one that waits
	Level       Level
	Why         string
	Since       time.Time
}

// Conflicts returns all conflicts by address.
func (d *Directory) Conflicts(ctx context.Context) ([]Conflict, error) {
	rows, err := d.store.Conflicts(ctx, "")
	if err != nil {
		return nil, err
	}
	conflicts := make([]Conflict, len(rows))
	for i, row := range rows {
		conflicts[i] = Conflict{Address: row.Address, Fingerprint: row.Fingerprint, Source: row.Source,
			Level: Level(row.Level), Why: row.Why, Since: row.Since}
		switch pin, err := d.store.Pin(ctx, row.Address); {
		case err == nil:
			conflicts[i].Pinned = pin.Fingerprint
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	return conflicts, nil
}
