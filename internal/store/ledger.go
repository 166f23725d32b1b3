package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// ledger is how a kind of database writes down which copies were sent. A change that returned survives the end of the
// process; after the next flush it survives that of the host.
type ledger interface {
	// sent returns the copies of a message that expire after one time, but not after another.
	sent(ctx context.Context, message string, after, latest int64) ([]string, error)
	// record notes copies, all or none.
	record(ctx context.Context, some []record) error
	// change runs one statement in a transaction of its own, and returns how many rows it has changed.
	change(ctx context.Context, statement string, args ...any) (int64, error)
	flush(ctx context.Context) error
	close() error
}

// SentCopies returns which copies of a message are on record as sent and count at a time: those that expire after it, but
// not after latest. A record that claims to last longer was made by a clock that has since been put back.
func (s *Store) SentCopies(ctx context.Context, message string, at, latest time.Time) ([]string, error) {
	return s.ledger.sent(ctx, message, at.Unix(), latest.Unix())
}

// sentCopies is asked for every message.
const sentCopies = `SELECT copy FROM sent_copy WHERE message = $1 AND expires > $2 AND expires <= $3`

func scanName(rows *sql.Rows, name *string) error { return rows.Scan(name) }

// RecordSent records that copies of a message were sent, and for how long that counts: all of them or, after an error,
// none. What it has recorded survives the end of the process at once, and that of the host after the next Flush. Those
// who call it at the same time share the work.
func (s *Store) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	some := make([]record, len(copies))
	for i, name := range copies {
		some[i] = record{message, name, expires.Unix()}
	}
	if err := s.wrote(s.records.add(ctx, some, s.ledger.record)); err != nil {
		return fmt.Errorf("record a sent copy: %w", explain(err))
	}
	return nil
}

// ExpireSent changes how long the records of a message count that count at a time; see [Store.SentCopies].
func (s *Store) ExpireSent(ctx context.Context, message string, at, latest, expires time.Time) error {
	_, err := s.ledger.change(ctx, `UPDATE sent_copy SET expires = $1 WHERE message = $2 AND expires > $3 AND expires <= $4`,
		expires.Unix(), message, at.Unix(), latest.Unix())
	if err != nil {
		return fmt.Errorf("close the record of a message: %w", explain(err))
	}
	return nil
}

// ForgetSent deletes all records of a message. Whatever the clock does, they count no more.
func (s *Store) ForgetSent(ctx context.Context, message string) error {
	if _, err := s.ledger.change(ctx, `DELETE FROM sent_copy WHERE message = $1`, message); err != nil {
		return fmt.Errorf("forget a message: %w", explain(err))
	}
	return nil
}

// Flush returns when everything recorded before it is on stable storage. Those who call it at the same time share the
// work.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.ledger.flush(ctx); err != nil {
		return fmt.Errorf("flush the record of sent copies: %w", explain(err))
	}
	return nil
}

// sweepBatch bounds how many records one transaction deletes: nobody who sends mail waits long for it.
const sweepBatch = 1000

// SweepSent deletes the records that expired before a time, and returns how many there were. So it does with claims.
func (s *Store) SweepSent(ctx context.Context, before time.Time) (int64, error) {
	var all int64
	for {
		n, err := s.ledger.change(ctx, `DELETE FROM sent_copy WHERE (message, copy) IN
			(SELECT message, copy FROM sent_copy WHERE expires < $1 LIMIT $2)`, before.Unix(), sweepBatch)
		all += n
		if err != nil {
			return all, fmt.Errorf("delete expired records: %w", explain(err))
		}
		if n < sweepBatch {
			break
		}
	}
	// Claims of hosts that are no more.
	if _, err := s.ledger.change(ctx, `DELETE FROM message_claim WHERE until < $1`, before.Unix()); err != nil {
		return all, fmt.Errorf("delete old claims: %w", explain(err))
	}
	return all, nil
}
