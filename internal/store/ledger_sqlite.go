package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// recordCopy is one statement and so one transaction.
const recordCopy = `INSERT INTO sent_copy (message, copy, expires) VALUES ($1, $2, $3)
	ON CONFLICT (message, copy) DO UPDATE SET expires = excluded.expires`

// sqliteLedger writes through the connection that all writers of this process share. A commit is a write to the
// write-ahead log that nobody waits for the disk with; see [logFile] for what makes it last.
type sqliteLedger struct {
	read   *prepared
	writer writer
	log    *logFile
	// room is the same log, for those who cannot wait for a flush.
	room *logFile

	mu        sync.Mutex
	statement *sql.Stmt // recordCopy, nil before the first record
}

// sent does not watch ctx, which would take as long as the query.
func (l *sqliteLedger) sent(ctx context.Context, message string, after, latest int64) ([]string, error) {
	names, err := scanAll(context.WithoutCancel(ctx), l.read, scanName, sentCopies, message, after, latest)
	if err != nil {
		return nil, fmt.Errorf("query database: %w", explain(l.read.files.failed(err)))
	}
	return names, nil
}

// prepared returns recordCopy, made ready for the connection.
func (l *sqliteLedger) prepared(ctx context.Context) (*sql.Stmt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.statement != nil {
		return l.statement, nil
	}
	var err error
	l.statement, err = l.writer.db.PrepareContext(ctx, recordCopy)
	return l.statement, err
}

// record also fails if there is no room for the next one.
func (l *sqliteLedger) record(ctx context.Context, some []record) error {
	if err := l.write(ctx, some); err != nil {
		return err
	}
	return l.room.reserve()
}

func (l *sqliteLedger) write(ctx context.Context, some []record) error {
	statement, err := l.prepared(ctx)
	if err != nil {
		return err
	}
	if len(some) == 1 {
		_, err := statement.ExecContext(ctx, some[0].message, some[0].copy, some[0].expires)
		return err
	}
	return l.writer.commit(ctx, func(tx *sql.Tx) error {
		statement := tx.StmtContext(ctx, statement)
		defer statement.Close()
		for _, r := range some {
			if _, err := statement.ExecContext(ctx, r.message, r.copy, r.expires); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *sqliteLedger) change(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := l.writer.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (l *sqliteLedger) flush(ctx context.Context) error { return l.writer.flush(ctx) }

func (l *sqliteLedger) close() error {
	return errors.Join(l.writer.close(), l.log.close(), l.room.close())
}
