package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not in the store")

const keyGeneration = `SELECT generation FROM key_generation`

// generations tells the generation of keys in a database.
type generations interface {
	// now returns the generation after everything that was committed before.
	now(ctx context.Context) (int64, error)
	close() error
}

// queriedGeneration asks the database each time.
type queriedGeneration struct{ querier }

func (g queriedGeneration) now(ctx context.Context) (int64, error) {
	return first(collect(ctx, g.querier, func(rows *sql.Rows, n *int64) error { return rows.Scan(n) }, keyGeneration))
}

func (queriedGeneration) close() error { return nil }

// KeyGeneration returns a number that grows with every change of certificates, the addresses they serve, pins and
// sender keys, by whatever process. What was read after a generation stays right while the generation stays the same.
func (s *Store) KeyGeneration(ctx context.Context) (generation int64, err error) {
	if generation, err = s.generation.now(ctx); err != nil {
		return 0, fmt.Errorf("read the generation of keys: %w", err)
	}
	return generation, nil
}

// Ping reads from the database, and says why it cannot.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := (queriedGeneration{s.read}).now(ctx); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// KeyTx is a transaction that changes keys. It ends when the function it was given to returns.
type KeyTx struct {
	tx *sql.Tx
	// changed says that the generation must grow.
	changed bool
}

// UpdateKeys runs change in a transaction that commits, on stable storage, when change returns nil. No other process
// writes meanwhile, so change may read, decide and write; it must not wait for anything else.
func (s *Store) UpdateKeys(ctx context.Context, change func(tx *KeyTx) error) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		t := &KeyTx{tx: tx}
		if err := change(t); err != nil || !t.changed {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE key_generation SET generation = generation + 1`)
		return err
	})
}

// Seen reports whether an address ever had a certificate.
func (s *Store) Seen(ctx context.Context, address string) (bool, error) {
	seen, err := first(collect(ctx, s.point, func(rows *sql.Rows, seen *bool) error {
		return rows.Scan(seen)
	}, `SELECT EXISTS (SELECT 1 FROM address_seen WHERE address = $1)`, address))
	if err != nil {
		return false, fmt.Errorf("read seen addresses: %w", err)
	}
	return seen, nil
}

// MarkSeen records that an address had a certificate at a time. The first record stays.
func (s *Store) MarkSeen(ctx context.Context, address string, at time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error { return (&KeyTx{tx: tx}).MarkSeen(ctx, address, at) })
}

// MarkSeen records that an address had a certificate at a time. The first record stays.
func (t *KeyTx) MarkSeen(ctx context.Context, address string, at time.Time) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO address_seen (address, seen) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		address, at.Unix())
	return err
}
