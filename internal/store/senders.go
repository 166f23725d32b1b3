package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Sender says which secret key signs for an address. The key itself is in a file, or a [Secret].
type Sender struct {
	Address     string
	Fingerprint string // upper-case hexadecimal
	Created     time.Time
}

// Sender returns the sender key of an address, or [ErrNotFound].
func (s *Store) Sender(ctx context.Context, address string) (Sender, error) {
	return first(senders(ctx, s.point, `WHERE address = $1`, address))
}

// Senders returns all sender keys, ordered by address.
func (s *Store) Senders(ctx context.Context) ([]Sender, error) {
	return senders(ctx, s.read, `ORDER BY address`)
}

// SetSender makes a secret key the one that signs for an address, and returns the fingerprint of the key that did so
// before, "" for none.
func (t *KeyTx) SetSender(ctx context.Context, address, fingerprint string, at time.Time) (before string, err error) {
	switch old, err := first(senders(ctx, t.tx, `WHERE address = $1`, address)); {
	case err == nil && old.Fingerprint == fingerprint:
		return fingerprint, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", err
	default:
		before = old.Fingerprint
	}
	t.changed = true
	_, err = t.tx.ExecContext(ctx, `
		INSERT INTO sender_key (address, fingerprint, created) VALUES ($1, $2, $3)
		ON CONFLICT (address) DO UPDATE SET fingerprint = excluded.fingerprint, created = excluded.created`,
		address, fingerprint, at.Unix())
	return before, err
}

// Sender returns the fingerprint of the key that signs for an address, or [ErrNotFound].
func (t *KeyTx) Sender(ctx context.Context, address string) (fingerprint string, err error) {
	s, err := first(senders(ctx, t.tx, `WHERE address = $1`, address))
	return s.Fingerprint, err
}

// RemoveSender takes the secret key from an address. It returns the key's fingerprint and whether it still signs for
// other addresses, or [ErrNotFound].
func (t *KeyTx) RemoveSender(ctx context.Context, address string) (fingerprint string, inUse bool, err error) {
	old, err := first(senders(ctx, t.tx, `WHERE address = $1`, address))
	if err != nil {
		return "", false, err
	}
	if _, err := t.affects(ctx, `DELETE FROM sender_key WHERE address = $1`, address); err != nil {
		return "", false, err
	}
	others, err := senders(ctx, t.tx, `WHERE fingerprint = $1`, old.Fingerprint)
	return old.Fingerprint, len(others) > 0, err
}

// RemoveSendersOf takes a secret key from all addresses and reports whether there were any.
func (t *KeyTx) RemoveSendersOf(ctx context.Context, fingerprint string) (bool, error) {
	return t.affects(ctx, `DELETE FROM sender_key WHERE fingerprint = $1`, fingerprint)
}

// SenderGenerated reports whether the secret key with a fingerprint was generated here.
func (s *Store) SenderGenerated(ctx context.Context, fingerprint string) (bool, error) {
	generated, err := collect(ctx, s.read, func(rows *sql.Rows, v *bool) error {
		return rows.Scan(v)
	}, `SELECT generated FROM sender_origin WHERE fingerprint = $1`, fingerprint)
	return len(generated) > 0 && generated[0], err
}

// SetSenderOrigin records whether a secret key was generated here or imported, and reports whether there was a record
// already. The first record stays, so that a generated key may be imported again from a backup.
func (t *KeyTx) SetSenderOrigin(ctx context.Context, fingerprint string, generated bool) (known bool, err error) {
	result, err := t.tx.ExecContext(ctx, `INSERT INTO sender_origin (fingerprint, generated) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		fingerprint, generated)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows == 0, err
}

func senders(ctx context.Context, q querier, where string, args ...any) ([]Sender, error) {
	return collect(ctx, q, func(rows *sql.Rows, v *Sender) error {
		var created int64
		err := rows.Scan(&v.Address, &v.Fingerprint, &created)
		v.Created = time.Unix(created, 0).UTC()
		return err
	}, `SELECT address, fingerprint, created FROM sender_key `+where, args...)
}
