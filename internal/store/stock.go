package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// LedgerStock counts what the ledger holds.
type LedgerStock struct {
	// Records are those of sent copies that count.
	Records int64
	// Unfinished counts the messages of which some copies were sent, and of which the client has not been told yes.
	Unfinished int64
	// Claims are the messages that this process has in work.
	Claims int
}

// LedgerStock counts the records that last beyond now, and the messages that have one that lasts beyond finished.
func (s *Store) LedgerStock(ctx context.Context, now, finished time.Time) (LedgerStock, error) {
	stock, err := first(collect(ctx, s.read, func(rows *sql.Rows, l *LedgerStock) error {
		return rows.Scan(&l.Records, &l.Unfinished)
	}, `SELECT (SELECT count(*) FROM sent_copy WHERE expires > $1),
		(SELECT count(DISTINCT message) FROM sent_copy WHERE expires > $2)`, now.Unix(), finished.Unix()))
	if err != nil {
		return stock, fmt.Errorf("count the records of sent copies: %w", err)
	}
	stock.Claims = s.host.count()
	return stock, nil
}

// CountConflicts returns how many certificates wait for a decision.
func (s *Store) CountConflicts(ctx context.Context) (int, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, n *int) error { return rows.Scan(n) }, `SELECT count(*) FROM conflict`))
}

// probeName is no digest, so it is the name of no message.
const probeName = "probe"

// Probe writes to the ledger and reads from the database, and says which of them does not work. What it writes counts for
// nobody, and is deleted with the old records.
func (s *Store) Probe(ctx context.Context) (read, write error) {
	return s.Ping(ctx), s.RecordSent(ctx, probeName, []string{probeName}, time.Unix(0, 0))
}

// Written returns when this process has last written to the database, the zero time if it has not.
func (s *Store) Written() time.Time {
	at := s.written.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// WriteFailures returns how many writes of this process have failed, for whatever reason.
func (s *Store) WriteFailures() int64 { return s.failures.Load() }

// wrote notes a write that has an error or none, which it returns.
func (s *Store) wrote(err error) error {
	if err == nil {
		s.written.Store(time.Now().UnixNano())
	} else {
		s.failures.Add(1)
	}
	return err
}

// Size returns that of the whole database in octets.
func (s *Store) Size(ctx context.Context) (int64, error) {
	size := `SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)`
	if s.shared != nil {
		size = `SELECT pg_database_size(current_database())`
	}
	return first(collect(ctx, s.read, func(rows *sql.Rows, n *int64) error { return rows.Scan(n) }, size))
}
