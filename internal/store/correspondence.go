package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// statementRows bounds how many rows one statement is about: each has a parameter, of which databases take so many.
const statementRows = 500

// SendersAmong returns those of some addresses that have a secret key.
func (s *Store) SendersAmong(ctx context.Context, addresses []string) ([]string, error) {
	var all []string
	for len(addresses) > 0 {
		some := addresses[:min(len(addresses), statementRows)]
		addresses = addresses[len(some):]
		args := make([]any, len(some))
		for i, address := range some {
			args[i] = address
		}
		found, err := collect(ctx, s.read, func(rows *sql.Rows, address *string) error {
			return rows.Scan(address)
		}, `SELECT address FROM sender_key WHERE address IN (`+places(1, len(some), "%s")+`)`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// places lists parameters by their numbers, each in a form.
func places(first, count int, form string) string {
	all := make([]string, count)
	for i := range all {
		all[i] = strings.ReplaceAll(form, "%s", fmt.Sprint("$", first+i))
	}
	return strings.Join(all, ", ")
}

// PutCorrespondence notes that pairs, all of them different, were seen on a day. A later day that is on record stays.
// It does not wait for the disk.
func (s *Store) PutCorrespondence(ctx context.Context, pairs []string, day int64) error {
	for len(pairs) > 0 {
		some := pairs[:min(len(pairs), statementRows)]
		pairs = pairs[len(some):]
		args := []any{day}
		for _, pair := range some {
			args = append(args, pair)
		}
		// The ledger's way to write, so that it waits for no import of keys.
		_, err := s.ledger.change(ctx, `INSERT INTO correspondence (pair, day) VALUES `+places(2, len(some), "(%s, $1)")+`
			ON CONFLICT (pair) DO UPDATE SET day = excluded.day WHERE correspondence.day < excluded.day`, args...)
		if err != nil {
			return fmt.Errorf("note who corresponds encrypted: %w", explain(err))
		}
	}
	return nil
}

// Corresponded reports whether a pair is on record for a day from first to last.
func (s *Store) Corresponded(ctx context.Context, pair string, first, last int64) (bool, error) {
	days, err := collect(ctx, s.read, func(rows *sql.Rows, day *int64) error {
		return rows.Scan(day)
	}, `SELECT day FROM correspondence WHERE pair = $1 AND day >= $2 AND day <= $3`, pair, first, last)
	return len(days) > 0, err
}

// SweepCorrespondence deletes the pairs that were last seen before a first day, or after a last one by a clock that was
// ahead, and returns how many there were.
func (s *Store) SweepCorrespondence(ctx context.Context, first, last int64) (int64, error) {
	var all int64
	for {
		n, err := s.ledger.change(ctx, `DELETE FROM correspondence WHERE pair IN
			(SELECT pair FROM correspondence WHERE day < $1 OR day > $2 LIMIT $3)`, first, last, sweepBatch)
		all += n
		if err != nil {
			return all, fmt.Errorf("delete old correspondence: %w", explain(err))
		}
		if n < sweepBatch {
			return all, nil
		}
	}
}
