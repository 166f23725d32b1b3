package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrNotSQLite refuses to back up a PostgreSQL database, which the programs of PostgreSQL do.
var ErrNotSQLite = errors.New("it is a PostgreSQL database")

// Backup writes a copy of the built-in database to a new file, mode 0600. The copy has what was committed at one
// moment; those who work with the database go on meanwhile. The schema is not brought up to date, so that a new program
// can make a backup before it is used for the first time. Either the whole copy is there, and was checked, or no file.
// What a process leaves behind that is killed meanwhile, the next backup to the same folder removes.
func Backup(ctx context.Context, database, file string) error {
	if IsPostgres(database) {
		return fmt.Errorf("back up %s: %w; use pg_dump", postgresName(database), ErrNotSQLite)
	}
	if err := backup(ctx, database, file, func() {}); err != nil {
		return fmt.Errorf("back up %s: %w", database, explain(err))
	}
	return nil
}

// backup calls filled when the copy is whole and does not have its name yet.
func backup(ctx context.Context, database, file string, filled func()) (err error) {
	if err := checkPrivate(database); err != nil {
		return err
	}
	switch _, err := os.Lstat(file); {
	case err == nil:
		return isThere(file)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	dir := filepath.Dir(file)
	if err := removeAbandoned(dir); err != nil {
		return err
	}
	// It has the name of a backup only when it is one. What SQLite puts beside it is in the folder, too.
	folder, unlock, err := workFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder), unlock()) }()
	part := filepath.Join(folder, "part")
	if err := ensurePrivate(part); err != nil {
		return err
	}
	// SQLite reads all of it in one transaction, and fills an empty file (https://www.sqlite.org/lang_vacuum.html).
	err = withFile(ctx, database, url.Values{}, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `VACUUM INTO $1`, part)
		return err
	})
	if err != nil {
		return err
	}
	if err := checkCopy(ctx, part); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	if err := syncFile(part); err != nil {
		return err
	}
	filled()
	if err := renameNew(part, file); err != nil {
		return err
	}
	return syncFile(dir)
}

func isThere(file string) error {
	return fmt.Errorf("%s exists: %w; name a new file", file, fs.ErrExist)
}

// renameNew renames a file, and replaces none that has come there while the copy was made.
func renameNew(old, file string) error {
	err := unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, file, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EEXIST):
		return isThere(file)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // some file systems cannot
		return os.Rename(old, file)
	case err != nil:
		return &os.LinkError{Op: "rename", Old: old, New: file, Err: err}
	}
	return nil
}

// checkCopy checks every page of a copy, and makes it one that readers and a writer use together, as the original is.
func checkCopy(ctx context.Context, file string) error {
	return withFile(ctx, file, url.Values{"_journal_mode": {"WAL"}}, func(db *sql.DB) error {
		var verdict string
		if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return errors.New(verdict)
		}
		var version int
		return db.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&version)
	})
}

// withFile opens a database as it is, and closes it.
func withFile(ctx context.Context, file string, options url.Values, use func(db *sql.DB) error) (err error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	options.Set("_busy_timeout", strconv.FormatInt(lockWait.Milliseconds(), 10))
	options.Set("mode", "rw")
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}

// syncFile writes a file, or a folder's entries, to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
