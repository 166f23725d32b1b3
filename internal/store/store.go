package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// lockWait is how long a statement waits while another process writes.
const lockWait = 10 * time.Second

// maxReaders bounds the connections that read beside each other.
const maxReaders = 8

// Store is an open database. It is safe for concurrent use, and other processes may have the same file open.
type Store struct {
	file string
	// write has one connection: writers of this process queue in order instead of polling for SQLite's lock. Its
	// transactions take that lock when they begin, since one that has read first cannot wait for it any more.
	write *sql.DB
	read  *sql.DB
	// generation is prepared because every key lookup runs it.
	generation *sql.Stmt
}

// Open opens the database in file and brings its schema up to date. A missing file is created with mode 0600; its
// directory must exist. A file that others may read, a directory that others may write to, and a schema newer than
// this program are refused. The caller closes the store.
func Open(ctx context.Context, file string) (*Store, error) {
	s, err := open(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	return s, nil
}

func open(ctx context.Context, file string) (*Store, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if err := ensurePrivate(file); err != nil {
		return nil, err
	}
	s := &Store{file: file}
	if s.write, err = connect(file, url.Values{"_journal_mode": {"WAL"}, "_txlock": {"immediate"}}); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = connect(file, url.Values{"_query_only": {"1"}}); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	s.read.SetMaxOpenConns(maxReaders)
	s.read.SetMaxIdleConns(maxReaders)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.generation, err = s.read.PrepareContext(ctx, `SELECT generation FROM key_generation`); err != nil {
		return nil, errors.Join(explain(err), s.Close())
	}
	return s, nil
}

// connect prepares a pool of connections to file; the first query opens the first of them.
func connect(file string, options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", strconv.FormatInt(lockWait.Milliseconds(), 10))
	options.Set("_foreign_keys", "1")
	options.Set("_synchronous", "FULL") // a commit that returned survives a power failure
	options.Set("_dqs", "0")            // a misspelt column is an error, not a string
	options.Set("_error_rc", "1")       // no message of another connection in an error
	dsn := url.URL{Scheme: "file", Path: file, RawQuery: options.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// Close closes the database; every use of the store after it fails.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.write.Close())
}

// update runs change in one transaction that commits when change returns nil. change holds the lock of the only
// writer: it must neither wait for anything nor use the store but through tx.
func (s *Store) update(ctx context.Context, change func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // does nothing after a commit
	if err := change(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}
