package store

import (
	"context"
	"database/sql"
	"io/fs"
	"net"
	"time"
)

// Migrations holds the migrations of this program.
var Migrations fs.FS = migrations

// CopiedTables are the tables that are copied.
var CopiedTables = copiedTables

// OpenWith opens a database with other migrations than those of this program.
func OpenWith(ctx context.Context, database string, steps fs.FS) (*Store, error) {
	return openAs(ctx, database, setup{migrations: steps, waits: defaultWaits()})
}

// OpenImpatient opens a PostgreSQL database with other waits than usual, 0 for the usual one.
func OpenImpatient(ctx context.Context, database string, lock, silence, abandoned time.Duration) (*Store, error) {
	waits := defaultWaits()
	for wait, other := range map[*time.Duration]time.Duration{&waits.lock: lock, &waits.silence: silence, &waits.abandoned: abandoned} {
		if other > 0 {
			*wait = other
		}
	}
	return openAs(ctx, database, setup{migrations: migrations, waits: waits})
}

// Exec runs statements as they are, whatever they are.
func (s *Store) Exec(ctx context.Context, statements string) error {
	_, err := s.keys.db.ExecContext(ctx, statements)
	return err
}

// ParsePostgres returns what errors call a database, and the error of its URL.
func ParsePostgres(database string) (name string, err error) {
	_, err = parsePostgres(database)
	return postgresName(database), err
}

// ImpatientConn wraps a connection as those to a PostgreSQL server are.
func ImpatientConn(conn net.Conn, silence time.Duration) net.Conn {
	return &impatientConn{Conn: conn, silence: silence}
}

// Proved reports whether no server is talked to that has not proved by a certificate to be the one of the URL.
func Proved(database string) (bool, error) {
	config, err := parsePostgres(database)
	if err != nil {
		return false, err
	}
	proved := config.TLSConfig != nil && !config.TLSConfig.InsecureSkipVerify
	for _, fallback := range config.Fallbacks {
		proved = proved && fallback.TLSConfig != nil && !fallback.TLSConfig.InsecureSkipVerify
	}
	return proved, nil
}

// Explain adds advice to an error of a database.
var Explain = explain

// RenewClaims does what is done from time to time.
func (s *Store) RenewClaims() { s.shared.renewAll() }

// Plans returns how an SQLite database answers each query that lookups of keys have asked of it, by its text.
func (s *Store) Plans(ctx context.Context) (map[string][]string, error) {
	plans := make(map[string][]string)
	for text := range s.point.(*prepared).statements {
		plan, err := s.plan(ctx, text, "", "")
		if err != nil {
			return nil, err
		}
		plans[text] = plan
	}
	return plans, nil
}

// PlanOfUnpinned returns how an SQLite database finds a page of the certificates without a pin.
func (s *Store) PlanOfUnpinned(ctx context.Context) ([]string, error) {
	return s.plan(ctx, unpinnedInUse, "", "", "", 1)
}

func (s *Store) plan(ctx context.Context, query string, args ...any) ([]string, error) {
	return collect(ctx, s.read, func(rows *sql.Rows, detail *string) error {
		var id, parent, unused int
		return rows.Scan(&id, &parent, &unused, detail)
	}, `EXPLAIN QUERY PLAN `+query, args...)
}

// GenerationRemembered reports whether the generation of keys in an SQLite database would be told without a query.
func (s *Store) GenerationRemembered() bool {
	_, known := s.generation.(*sqliteGeneration).remembered()
	return known
}

// CloseIdle closes the connections that nobody uses, as time does.
func (s *Store) CloseIdle() {
	for _, db := range []*sql.DB{s.read, s.keys.db} {
		db.SetMaxIdleConns(-1)
		db.SetMaxIdleConns(maxReaders)
	}
}

// Show does what a daemon does from time to time to be seen.
func (s *Store) Show() { s.shared.present.show() }

// Count returns how many rows a table has.
func (s *Store) Count(ctx context.Context, table string) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
	return n, err
}

// BackupUntil is [Backup] with a function that is called before the copy has its name.
func BackupUntil(ctx context.Context, database, file string, filled func()) error {
	return backup(ctx, database, file, filled)
}
