package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SentCopies returns which copies of a message are recorded as sent at a time.
func (s *Store) SentCopies(ctx context.Context, message string, at time.Time) ([]string, error) {
	return collect(ctx, s.read, func(rows *sql.Rows, name *string) error {
		return rows.Scan(name)
	}, `SELECT copy FROM sent_copy WHERE message = $1 AND expires > $2`, message, at.Unix())
}

// RecordSent records, on stable storage, that a copy of a message was sent, and for how long that counts. Records
// that count no more at that time are deleted.
func (s *Store) RecordSent(ctx context.Context, message, name string, at, expires time.Time) error {
	err := s.ledger.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sent_copy WHERE expires <= $1`, at.Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sent_copy (message, copy, expires) VALUES ($1, $2, $3)
			ON CONFLICT (message, copy) DO UPDATE SET expires = excluded.expires`, message, name, expires.Unix())
		return err
	})
	if err != nil {
		return fmt.Errorf("record a sent copy: %w", err)
	}
	return nil
}

// ExpireSent changes how long the records of some copies of a message count. A time that has come deletes them at
// the next record.
func (s *Store) ExpireSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	err := s.ledger.update(ctx, func(tx *sql.Tx) error {
		change, err := tx.PrepareContext(ctx, `UPDATE sent_copy SET expires = $1 WHERE message = $2 AND copy = $3`)
		if err != nil {
			return err
		}
		defer change.Close()
		for _, name := range copies {
			if _, err := change.ExecContext(ctx, expires.Unix(), message, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("close the record of a message: %w", err)
	}
	return nil
}
