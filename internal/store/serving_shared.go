package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"
)

// lockServing is the advisory lock of PostgreSQL that a copy holds to its end. Daemons ask for it when they start and do not
// keep it: it would bind a session, of which a pooler knows nothing. A daemon that has asked before the copy began is
// connected, and seen by that.
const lockServing int64 = 0x7365_616c_6d69_6c02

// notCopied fails with [ErrServing] while a PostgreSQL database is copied.
func notCopied(ctx context.Context, q querier) error {
	return tryLock(ctx, q, `SELECT pg_try_advisory_xact_lock_shared($1)`)
}

func tryLock(ctx context.Context, q querier, statement string) error {
	free, err := first(collect(ctx, q, func(rows *sql.Rows, free *bool) error { return rows.Scan(free) }, statement, lockServing))
	if err == nil && !free {
		return inUseByCopy()
	}
	return err
}

// alone has no daemon start with a PostgreSQL database before the end of a transaction. It fails with [ErrServing] if one is
// connected, or the database is copied already.
func (s *Store) alone(ctx context.Context, tx *sql.Tx) error {
	if s.shared == nil {
		return nil
	}
	if err := tryLock(ctx, tx, `SELECT pg_try_advisory_xact_lock($1)`); err != nil {
		return err
	}
	return notConnected(ctx, tx)
}

// notConnected fails with [ErrServing] if other programs of ours are connected to a PostgreSQL database, whatever more their names say.
// An SQLite file, of which q is nil, has no connections.
func notConnected(ctx context.Context, q querier) error {
	if q == nil {
		return nil
	}
	from, err := collect(ctx, q, func(rows *sql.Rows, address *string) error { return rows.Scan(address) }, `
		SELECT DISTINCT coalesce(host(client_addr), 'this host') FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user
			AND (application_name = $1 OR starts_with(application_name, $1 || ':')) ORDER BY 1 LIMIT 5`, ourName)
	if err != nil || len(from) == 0 {
		return err
	}
	return fmt.Errorf("%w (it is connected from %s)", inUseByDaemon(), strings.Join(from, ", "))
}

// presence keeps a daemon connected to a PostgreSQL database that nobody asks anything, so that it can be seen there. It holds a
// connection that is not closed for its age or for being idle as long as it is held, and has the next before it gives one back.
type presence struct {
	read *sql.DB

	mu     sync.Mutex
	held   *sql.Conn // nil before begin
	beat   *time.Timer
	closed bool
}

// presenceBeat is how often the connection is changed for another, so that it follows a change of the server's address.
const presenceBeat = connIdle / 2

// begin connects, and sees to it that this stays so.
func (p *presence) begin(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat != nil || p.closed {
		return nil
	}
	p.read.SetMaxOpenConns(maxReaders + 1) // those who read keep theirs
	conn, err := p.read.Conn(ctx)
	if err != nil {
		return err
	}
	p.held, p.beat = conn, time.AfterFunc(presenceBeat, p.show)
	return nil
}

// show changes the connection, and sees to it that this is done again. A server that is away has no copy begin, either.
func (p *presence) show() {
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	next, err := p.read.Conn(ctx)
	if err == nil {
		err = next.PingContext(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && !p.closed {
		p.held, next = next, p.held
	}
	if next != nil {
		_ = next.Close() // it goes back to the others
	}
	if p.beat != nil && !p.closed {
		p.beat.Reset(presenceBeat)
	}
}

func (p *presence) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.beat != nil {
		p.beat.Stop()
	}
	if p.held != nil {
		_ = p.held.Close() // the pool is closed next
	}
}
