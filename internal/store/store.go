package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"
)

// lockWait is how long a transaction waits while another process writes.
const lockWait = 10 * time.Second

// setup is how a store is opened. Tests leave out migrations and shorten the waits.
type setup struct {
	migrations fs.FS
	waits      postgresWaits
	state      string // see OpenWithState
	// application is the name that a PostgreSQL server shows for the connections, "" for that of the URL.
	application string
	// upgrade says what becomes of a database with an older schema.
	upgrade upgrade
	// admit may refuse a database before its schema is brought up to date, by what others of this host do with it and, where it is a
	// PostgreSQL database, by who is connected; nil admits every one. The querier is nil for an SQLite file.
	admit func(ctx context.Context, host *hostClaims, connected querier) error
}

// admits asks the setup.
func (as setup) admits(ctx context.Context, host *hostClaims, connected querier) error {
	if as.admit == nil {
		return nil
	}
	return as.admit(ctx, host, connected)
}

// maxReaders bounds the connections that read beside each other.
const maxReaders = 8

// Store is an open database. It is safe for concurrent use, and other processes may have the same database open.
type Store struct {
	read *sql.DB
	// point has the same connections, for queries that every lookup of a key asks.
	point  querier
	keys   writer
	ledger ledger
	// records are made by way of the ledger.
	records records
	// host and shared have the messages in work; shared is nil where the database belongs to one host.
	host       *hostClaims
	shared     *sharedClaims
	generation generations
	written    atomic.Int64 // see Written
	failures   atomic.Int64 // see WriteFailures
}

// Open opens a database and brings its schema up to date. The caller closes the store.
//
// A database that begins with postgres:// or postgresql:// is the URL of a PostgreSQL database; see docs/database.md
// for what it may hold. Everything else is the path of an SQLite file. A missing file is created with mode 0600; its
// directory must exist. A file that others may read and a directory that others may write to are refused, and so is a
// schema newer than this program.
func Open(ctx context.Context, database string) (*Store, error) {
	return OpenWithState(ctx, database, "")
}

// OpenWithState is like Open for a program that has a state directory, which belongs to this host, and which all processes
// of this host share that use the database. There, a new process is told from others that live on this host: it waits for
// no claim that one before it has left behind in a PostgreSQL database. An SQLite file needs no such directory.
func OpenWithState(ctx context.Context, database, state string) (*Store, error) {
	return openAs(ctx, database, setup{migrations: migrations, waits: defaultWaits(), state: state})
}

func openAs(ctx context.Context, database string, as setup) (*Store, error) {
	name, open := database, openSQLite
	if IsPostgres(database) {
		name, open = postgresName(database), openPostgres
	}
	s, err := open(ctx, database, as)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, explain(err))
	}
	return s, nil
}

// Close closes the database; every use of the store after it fails.
func (s *Store) Close() error {
	if s.shared != nil {
		s.shared.close()
	}
	err := errors.Join(s.host.close(), s.ledger.close(), s.keys.close(), s.read.Close())
	if s.generation != nil {
		err = errors.Join(err, s.generation.close())
	}
	return err
}

// update changes keys in one transaction; see [writer.update].
func (s *Store) update(ctx context.Context, change func(tx *sql.Tx) error) error {
	return s.wrote(s.keys.update(ctx, change))
}
