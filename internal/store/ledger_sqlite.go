package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// recordCopy is one statement and so one transaction.
const recordCopy = `INSERT INTO sent_copy (message, copy, expires) VALUES ($1, $2, $3)
	ON CONFLICT (message, copy) DO UPDATE SET expires = excluded.expires`

// sqliteLedger writes through the connection that all writers of this process share. A commit is a write to the
// write-ahead log that nobody waits for the disk with; see [logFile] for what makes it last.
type sqliteLedger struct {
	writer writer
	log    *logFile
	// room is the same log, for those who cannot wait for a flush.
	room *logFile

	mu        sync.Mutex
	statement *sql.Stmt // recordCopy, nil before the first record
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
func (l *sqliteLedger) record(ctx context.Context, message string, copies []string, expires int64) error {
	if err := l.write(ctx, message, copies, expires); err != nil {
		return err
	}
	return l.room.reserve()
}

func (l *sqliteLedger) write(ctx context.Context, message string, copies []string, expires int64) error {
	statement, err := l.prepared(ctx)
	if err != nil {
		return err
	}
	if len(copies) == 1 {
		_, err := statement.ExecContext(ctx, message, copies[0], expires)
		return err
	}
	return l.writer.commit(ctx, func(tx *sql.Tx) error {
		statement := tx.StmtContext(ctx, statement)
		defer statement.Close()
		for _, name := range copies {
			if _, err := statement.ExecContext(ctx, message, name, expires); err != nil {
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
