package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// PassKey returns the key of the installation for the passes of a split. The first call makes candidate that key, which
// the caller has filled with random octets; all later ones, also on other hosts, return the same.
func (s *Store) PassKey(ctx context.Context, candidate []byte) ([]byte, error) {
	key, err := s.passKey(ctx)
	if !errors.Is(err, ErrNotFound) {
		return key, err
	}
	// The ledger's way to write, so that mail does not wait for an import of keys.
	if _, err = s.ledger.change(ctx, `INSERT INTO pass_key (id, secret) VALUES (1, $1) ON CONFLICT DO NOTHING`, candidate); err == nil {
		err = s.ledger.flush(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the key for passes: %w", explain(err))
	}
	return s.passKey(ctx)
}

func (s *Store) passKey(ctx context.Context) ([]byte, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, key *[]byte) error {
		return rows.Scan(key)
	}, `SELECT secret FROM pass_key WHERE id = 1`))
}
