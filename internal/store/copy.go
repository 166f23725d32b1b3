package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// ErrNotEmpty refuses a database that has rows as the target of a copy.
var ErrNotEmpty = errors.New("the database to copy to is not empty")

// copiedTables are all tables but those of messages in work, of the schema's version and of the generation, each behind
// those that it refers to.
var copiedTables = []string{"certificate", "certificate_address", "sender_key", "sender_origin", "sender_secret", "sender_revocation",
	"address_seen", "pin", "conflict", "lookup", "key_service", "pass_key", "correspondence", "sent_copy"}

// Copied says how far the copy of a table is.
type Copied struct {
	Table string
	// Rows are there already, of Of.
	Rows, Of int64
}

// CopyTo copies all that the store keeps, but for messages in work, to an empty one with the same schema, in one transaction
// there: all of it or nothing. Before the transaction commits, every row is read again and compared. Nobody writes to s
// meanwhile, and nothing of it is changed. A daemon that works with a PostgreSQL database on either side fails the copy with
// [ErrServing], as does another copy, and none can start before its end; [OpenAlone] sees to those of this host. progress is
// called with each batch of rows, and at the end of each table.
func (s *Store) CopyTo(ctx context.Context, target *Store, progress func(Copied)) error {
	err := target.update(ctx, func(to *sql.Tx) error {
		if err := errors.Join(target.patient(ctx, to), target.alone(ctx, to)); err != nil {
			return err
		}
		if err := checkEmpty(ctx, to); err != nil {
			return err
		}
		return s.still(ctx, func(from *sql.Tx) error {
			for _, table := range copiedTables {
				if err := copyTable(ctx, from, to, table, progress); err != nil {
					return fmt.Errorf("table %s: %w", table, err)
				}
			}
			// Revisions of secret keys rest on it, and it must not come again.
			var generation int64
			if err := from.QueryRowContext(ctx, keyGeneration).Scan(&generation); err != nil {
				return err
			}
			_, err := to.ExecContext(ctx, `UPDATE key_generation SET generation = generation + $1`, generation+1)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("copy the database: %w", explain(err))
	}
	return nil
}

// errStill rolls a transaction back that was only there for its lock.
var errStill = errors.New("read")

// still runs read in a transaction during which nobody writes.
func (s *Store) still(ctx context.Context, read func(tx *sql.Tx) error) error {
	err := s.update(ctx, func(tx *sql.Tx) error {
		if err := errors.Join(s.patient(ctx, tx), s.alone(ctx, tx)); err != nil {
			return err
		}
		if s.shared != nil {
			// The lock for changes of keys does not keep the ledger still.
			if _, err := tx.ExecContext(ctx, `LOCK TABLE `+strings.Join(copiedTables, ", ")+` IN SHARE MODE`); err != nil {
				return err
			}
		}
		if err := read(tx); err != nil {
			return err
		}
		return errStill
	})
	if errors.Is(err, errStill) {
		return nil
	}
	return err
}

// patient lets a transaction be idle while another database works for it.
func (s *Store) patient(ctx context.Context, tx *sql.Tx) error {
	if s.shared == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT set_config('idle_in_transaction_session_timeout', $1, TRUE)`, milliseconds(migrationSilence))
	return err
}

func checkEmpty(ctx context.Context, tx *sql.Tx) error {
	for _, table := range copiedTables {
		n, err := countRows(ctx, tx, table)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s has %d rows; name an empty database, or remove what is in this one", ErrNotEmpty, table, n)
		}
	}
	return nil
}

func countRows(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
	return n, err
}

// errDiffers says that a copy is not like its original.
var errDiffers = errors.New("the copy differs from the original, so nothing was copied")

func copyTable(ctx context.Context, from, to *sql.Tx, table string, progress func(Copied)) error {
	done := Copied{Table: table}
	var err error
	if done.Of, err = countRows(ctx, from, table); err != nil {
		return err
	}
	out := batch{tx: to, table: table}
	original, err := eachRow(ctx, from, table, nil, func(columns []string, row []any) error {
		done.Rows++
		if err := out.add(ctx, columns, row); err != nil || !out.isNew() {
			return err
		}
		progress(done)
		return nil
	})
	if err == nil {
		err = out.flush(ctx)
	}
	if err != nil {
		return err
	}
	copied, err := eachRow(ctx, to, table, out.columns, func([]string, []any) error { return nil })
	if err != nil {
		return err
	}
	if copied != original {
		return fmt.Errorf("%w: %d rows became %d", errDiffers, original.rows, copied.rows)
	}
	progress(done)
	return nil
}

// digest is that of a set of rows, whatever their order.
type digest struct {
	rows int64
	sum  [sha256.Size]byte
}

func (d *digest) add(row []any) {
	d.rows++
	h := sha256.New()
	for _, value := range row {
		text := fmt.Sprint(value)
		if octets, ok := value.([]byte); ok {
			text = string(octets)
		}
		fmt.Fprintf(h, "%T %d ", value, len(text))
		h.Write([]byte(text))
	}
	for i, b := range h.Sum(nil) {
		d.sum[i] ^= b // every row is there once, for each table has a key
	}
}

// eachRow goes through some columns of a table, all of them if there are none, and returns a digest of it.
func eachRow(ctx context.Context, tx *sql.Tx, table string, columns []string, each func(columns []string, row []any) error) (d digest, err error) {
	what := "*"
	if len(columns) > 0 {
		what = strings.Join(columns, ", ")
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+what+` FROM `+table)
	if err != nil {
		return d, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return d, err
	}
	if columns, err = rows.Columns(); err != nil {
		return d, err
	}
	for rows.Next() {
		row, into := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return d, err
		}
		for i, value := range row {
			if row[i], err = plain(columns[i], types[i].DatabaseTypeName(), value); err != nil {
				return d, fmt.Errorf("column %s: %w", columns[i], err)
			}
		}
		d.add(row)
		if err := each(columns, row); err != nil {
			return d, err
		}
	}
	return d, rows.Err()
}

// plain returns a value in the form that it has for both kinds of database.
func plain(column, kind string, value any) (any, error) {
	switch kind {
	case "TEXT":
		text, ok := value.(string)
		if octets, is := value.([]byte); is {
			text, ok = string(octets), true
		}
		if !ok {
			break
		}
		if column == "detail" || column == "why" {
			// What others said, in a text for people. PostgreSQL takes no other octets than these.
			text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
		}
		return text, nil
	case "BLOB", "BYTEA":
		switch v := value.(type) {
		case []byte:
			return v, nil
		case string:
			return []byte(v), nil
		}
	case "BOOLEAN", "BOOL":
		switch v := value.(type) {
		case bool:
			return v, nil
		case int64:
			return v != 0, nil
		}
	case "BIGINT", "INTEGER", "SMALLINT", "INT8", "INT4", "INT2":
		if v, ok := value.(int64); ok {
			return v, nil
		}
	}
	return nil, fmt.Errorf("a value of %T in a column of the type %s", value, kind)
}

// batch writes rows to a table, some of them with one statement.
type batch struct {
	tx      *sql.Tx
	table   string
	columns []string
	values  []any
	octets  int
}

// Most that one statement writes.
const (
	batchRows   = 100
	batchOctets = 1 << 20
)

// isNew reports whether nothing waits to be written.
func (b *batch) isNew() bool { return len(b.values) == 0 }

func (b *batch) add(ctx context.Context, columns []string, row []any) error {
	b.columns = columns
	b.values = append(b.values, row...)
	for _, value := range row {
		switch v := value.(type) {
		case []byte:
			b.octets += len(v)
		case string:
			b.octets += len(v)
		}
	}
	if len(b.values) < batchRows*len(columns) && b.octets < batchOctets {
		return nil
	}
	return b.flush(ctx)
}

// flush writes what waits to be written.
func (b *batch) flush(ctx context.Context) error {
	if b.isNew() {
		return nil
	}
	var rows []string
	for first := 1; first <= len(b.values); first += len(b.columns) {
		rows = append(rows, "("+places(first, len(b.columns), "%s")+")")
	}
	_, err := b.tx.ExecContext(ctx, `INSERT INTO `+b.table+` (`+strings.Join(b.columns, ", ")+`) VALUES `+strings.Join(rows, ", "), b.values...)
	b.values, b.octets = b.values[:0], 0
	return err
}
