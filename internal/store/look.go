package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// OlderSchema is the error of a database that was not brought up to date. It can be backed up as it is.
type OlderSchema struct {
	// Schema is that of the database, 0 if it is empty, and Wanted that of this program.
	Schema, Wanted int
}

func (e *OlderSchema) Error() string {
	if e.Schema == 0 {
		return "the database is empty; sealmilter serve fills it when it starts"
	}
	return fmt.Sprintf("its schema %d is of an older sealmilter, this one wants %d; sealmilter serve brings it up to date when it starts", e.Schema, e.Wanted)
}

// Look opens a database to read it, and changes nothing: neither its schema nor its content, and no file comes into
// being that stays. A file that is missing is [io/fs.ErrNotExist], and a schema that is not this program's an
// [*OlderSchema] or refused. What writes fails. The caller closes the store.
func Look(ctx context.Context, database string) (*Store, error) {
	return openAs(ctx, database, setup{migrations: migrations, waits: defaultWaits(), upgrade: looks})
}

// OpenCurrent is like [OpenWithState] for a program that is asked about a database, and may be newer than the daemon
// that works with it: one with an older schema is an [*OlderSchema], and stays as it is.
func OpenCurrent(ctx context.Context, database, state string) (*Store, error) {
	return openAs(ctx, database, setup{migrations: migrations, waits: defaultWaits(), state: state, upgrade: refuses})
}

// upgrade is what becomes of a database with an older schema.
type upgrade uint8

const (
	// migrates brings it up to date.
	migrates upgrade = iota
	// refuses leaves it alone, but fills an empty one.
	refuses
	// looks leaves every one alone.
	looks
)

// errLooks refuses a write.
var errLooks = errors.New("the database was opened to be read")

// allows returns an error if the schema of a database keeps it from being looked at. Versioned asks whether there is a
// version.
func (u upgrade) allows(ctx context.Context, db *sql.DB, versioned string, wanted int) error {
	if u != looks {
		return nil
	}
	number := func(query string) (n int, err error) {
		err = db.QueryRowContext(ctx, query).Scan(&n)
		return n, err
	}
	version, err := number(versioned)
	if err == nil && version > 0 {
		version, err = number(`SELECT version FROM schema_version`)
	}
	switch {
	case err != nil:
		return err
	case version > wanted:
		return tooNew(version, wanted)
	case version == wanted:
		return nil
	default:
		return &OlderSchema{version, wanted}
	}
}

// What asks for the number of tables that have the version of the schema.
const (
	sqliteVersioned   = `SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'`
	postgresVersioned = `SELECT count(to_regclass('schema_version'))`
)

// readOnly are transactions in which PostgreSQL refuses what writes.
var readOnly = &sql.TxOptions{Isolation: sql.LevelReadCommitted, ReadOnly: true}

// lookingMode is how SQLite opens the files of a database without a trace. Who may write takes the empty log and its
// index away again that even a reader makes; but a log with something in it, which a killed daemon has left, would go
// into the database then, so that one is for readers alone (https://www.sqlite.org/wal.html, section 5).
func lookingMode(file string) string {
	if log, err := os.Stat(file + "-wal"); err == nil && log.Size() > 0 {
		return "ro"
	}
	return "rw"
}

// checkAllPrivate is [ensurePrivate] for a file that has to be there.
func checkAllPrivate(file string) error {
	if err := checkFolder(filepath.Dir(file)); err != nil {
		return err
	}
	return checkPrivate(file)
}
