package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"

	"modernc.org/sqlite"
)

func openSQLite(ctx context.Context, file string, as setup) (*Store, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	private := ensurePrivate
	if as.upgrade == looks {
		private = checkAllPrivate
	}
	if err := private(file); err != nil {
		return nil, err
	}
	steps, err := migrationSteps(as.migrations)
	if err != nil {
		return nil, err
	}
	files := newSQLiteFiles(file, len(steps))
	// Transactions take SQLite's lock when they begin, since one that has read first cannot wait for it any more.
	writes, reads := url.Values{"_journal_mode": {"WAL"}, "_txlock": {"immediate"}}, url.Values{"_query_only": {"1"}}
	if as.upgrade == looks {
		reads.Set("mode", lookingMode(file))
		writes = reads
	}
	write, err := connectSQLite(files, 1, writes)
	if err != nil {
		return nil, err
	}
	read, err := connectSQLite(files, maxReaders, reads)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	log := &logFile{path: file + "-wal"}
	w := writer{db: write, flush: (&flushes{sync: log.flush}).wait}
	point := &prepared{DB: read, files: files}
	ledger := &sqliteLedger{read: point, writer: w, log: log, room: &logFile{path: log.path}}
	s := &Store{read: read, point: point, keys: w, ledger: ledger, host: &hostClaims{path: file + "-claims"}}
	if err = as.admits(ctx, s.host, nil); err == nil {
		err = as.upgrade.allows(ctx, read, sqliteVersioned, len(steps))
	}
	if err == nil && as.upgrade != looks {
		err = migrate(ctx, w, as, func(text string) string { return text })
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.generation, err = newSQLiteGeneration(ctx, files, read); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connectSQLite prepares a pool of connections; the first query opens the first of them.
func connectSQLite(files *sqliteFiles, connections int, options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", strconv.FormatInt(lockWait.Milliseconds(), 10))
	options.Set("_foreign_keys", "1")
	options.Set("_synchronous", "NORMAL") // no commit waits for the disk while it holds the lock; see logFile
	options.Set("_dqs", "0")              // a misspelt column is an error, not a string
	options.Set("_error_rc", "1")         // no message of another connection in an error
	if !options.Has("mode") {
		options.Set("mode", "rw") // a database that was moved away does not come back as an empty one
	}
	dsn := url.URL{Scheme: "file", Path: files.path, RawQuery: options.Encode()}
	return files.pool(dsn.String(), connections)
}

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIOErr    = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// adviceAccess is about files that the daemon may not use.
const adviceAccess = "check that the user that runs sealmilter owns the file and its directory and may write to both"

// adviceSQLite returns what an administrator can do about an error of SQLite, "" if that is not known.
func adviceSQLite(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff {
	case codeBusy:
		return adviceBusy
	case codeReadOnly, codeCantOpen:
		return adviceAccess
	case codeIOErr, codeFull:
		return "check the disk and its free space"
	case codeCorrupt, codeNotADB:
		return "the file is damaged or not a database; restore it from a backup, or move it away and import the keys again"
	default:
		return ""
	}
}
