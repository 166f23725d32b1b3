package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresLedger writes in single statements where it can: the moment between the MTA's yes and the record of it is then one
// round trip. Each is durable when it returns.
type postgresLedger struct {
	read   *sql.DB
	writer writer
}

func (l *postgresLedger) sent(ctx context.Context, message string, after, latest int64) ([]string, error) {
	return collect(ctx, l.read, scanName, sentCopies, message, after, latest)
}

// recordCopies makes its own transaction durable, also where the server's default is otherwise; what an administrator
// demands beyond that, such as a standby's word, stays.
const recordCopies = `
	WITH setting AS (SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
		WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, TRUE))
	INSERT INTO sent_copy (message, copy, expires)
	SELECT m, c, e FROM setting, unnest($1::text[], $2::text[], $3::bigint[]) AS r (m, c, e)
	ON CONFLICT (message, copy) DO UPDATE SET expires = excluded.expires`

// record runs one statement, which cannot write the same row twice: the last record of a copy counts.
func (l *postgresLedger) record(ctx context.Context, some []record) error {
	type name struct{ message, copy string }
	at := map[name]int{}
	var messages, copies []string
	var expires []int64
	for _, r := range some {
		n := name{r.message, r.copy}
		if i, twice := at[n]; twice {
			expires[i] = r.expires
			continue
		}
		at[n] = len(expires)
		messages, copies, expires = append(messages, r.message), append(copies, r.copy), append(expires, r.expires)
	}
	_, err := l.statement(ctx, recordCopies, messages, copies, expires)
	return err
}

// mostTries is how often a statement is run that the server has undone for the sake of another one.
const mostTries = 5

// statement runs one statement as a transaction of its own and returns how many rows it has changed. Where an
// administrator has made transactions serializable by default, the server may undo it without a fault of anybody's.
func (l *postgresLedger) statement(ctx context.Context, text string, args ...any) (int64, error) {
	if l.writer.options.ReadOnly {
		return 0, errLooks
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWait, errSilent)
	defer cancel()
	for try := 1; ; try++ {
		result, err := l.writer.db.ExecContext(ctx, text, args...)
		switch {
		case err == nil:
			return result.RowsAffected()
		case try == mostTries || !undone(err):
			return 0, err
		}
	}
}

// undone reports whether the server has given up a transaction that may simply be run again (PostgreSQL's manual, section
// 13.5).
func undone(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

func (l *postgresLedger) change(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = l.writer.update(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

func (l *postgresLedger) flush(context.Context) error { return nil }

func (l *postgresLedger) close() error { return l.writer.close() }
