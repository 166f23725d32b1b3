package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

// ErrReplaced says that the files of an SQLite database are not those any more that were opened, and that what lies in
// their place cannot be used.
var ErrReplaced = errors.New("the database was moved, removed or replaced while it was open")

// inode identifies a file. The zero inode is none.
type inode struct{ device, number uint64 }

// inodeAt returns the zero inode for a file that is missing or cannot be looked at.
func inodeAt(path string) inode {
	var s syscall.Stat_t
	if syscall.Stat(path, &s) != nil {
		return inode{}
	}
	return inode{uint64(s.Dev), s.Ino}
}

// files are a database, its write-ahead log and the index of that, as they lie at their paths.
type files struct{ database, log, index inode }

// stamp changes with every file that comes into a directory or leaves it, and with the directory.
type stamp struct {
	directory inode
	changed   time.Time
}

// stampOf returns the zero stamp for a directory that is missing or cannot be looked at.
func stampOf(path string) stamp {
	var s syscall.Stat_t
	if syscall.Stat(path, &s) != nil {
		return stamp{}
	}
	return stamp{inode{uint64(s.Dev), s.Ino}, time.Unix(s.Mtim.Unix())}
}

// settled reports whether the next change will give another stamp: the clock of a file system is coarse.
func (s stamp) settled() bool {
	const coarse = 2 * time.Second
	return s.directory != inode{} && time.Since(s.changed).Abs() > coarse
}

// sqliteFiles opens the connections to one database, and watches its files. SQLite goes on with files that were moved or
// removed, as if nobody else needed them: the commands of an administrator would work on one database, and the daemon on
// another (https://www.sqlite.org/howtocorrupt.html, section 4.2). So a connection is used as long as it has the files that
// lie at the paths, and then makes way for a new one. It is safe for concurrent use.
type sqliteFiles struct {
	path string
	// schema is the version that a database must have that comes in the place of another.
	schema int64

	// outdated counts how often connections were found that have to make way.
	outdated atomic.Int64

	mu    sync.Mutex
	pools []*sql.DB
	open  map[files]int
	// current are the files that were opened last, and epoch counts how often they were others.
	current files
	epoch   int64
}

func newSQLiteFiles(path string, schema int) *sqliteFiles {
	return &sqliteFiles{path: path, schema: int64(schema), open: make(map[files]int)}
}

// now returns the files that lie at the paths.
func (f *sqliteFiles) now() files {
	return files{inodeAt(f.path), inodeAt(f.path + "-wal"), inodeAt(f.path + "-shm")}
}

// pool prepares a pool of connections; the first query opens the first of them.
func (f *sqliteFiles) pool(dsn string, connections int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(&watchedConnector{connector, f})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pools = append(f.pools, db)
	return db, nil
}

// inUse returns the files that were opened last, and how often they were others before.
func (f *sqliteFiles) inUse() (current files, epoch int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current, f.epoch
}

// mayOpen returns the database at the path, if that and its log can be opened. As long as a connection is open to the
// same database with another log, or to another database with the same log, a new one would mix them up: SQLite does
// not know that a log belongs to a database (https://www.sqlite.org/howtocorrupt.html, section 4.4). Connections that
// nobody uses are closed then, and the others when they come back.
func (f *sqliteFiles) mayOpen() (inode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := f.now()
	switch _, err := os.Stat(f.path); {
	case errors.Is(err, fs.ErrPermission):
		return inode{}, fmt.Errorf("%w; %s", err, adviceAccess)
	case err != nil:
		return inode{}, fmt.Errorf("%w: %w; put it back, or restore it from a backup", ErrReplaced, err)
	}
	if f.mixes(there) {
		f.outdated.Add(1)
		f.mu.Unlock()
		f.closeIdle()
		f.mu.Lock()
		if there = f.now(); f.mixes(there) {
			return inode{}, fmt.Errorf("%w, and it is still in use; it is opened anew when that has ended", ErrReplaced)
		}
	}
	if there.database != f.current.database && there.log != (inode{}) && there.log == f.current.log {
		return inode{}, fmt.Errorf("%w, and %s-wal belongs to the former one; remove it and %[2]s-shm, or put the former one back", ErrReplaced, f.path)
	}
	return there.database, nil
}

func (f *sqliteFiles) mixes(there files) bool {
	for open := range f.open {
		if open != there && open.database == there.database {
			return true
		}
	}
	return false
}

// closeIdle closes the connections that nobody uses.
func (f *sqliteFiles) closeIdle() {
	f.mu.Lock()
	pools := f.pools
	f.mu.Unlock()
	for _, db := range pools {
		db.SetMaxIdleConns(-1)
		db.SetMaxIdleConns(maxReaders)
	}
}

// opened notes a connection, and checks the database if it is another than before.
func (f *sqliteFiles) opened(ctx context.Context, conn sqliteConn, database inode) (*watchedConn, error) {
	// The log is opened by the first transaction.
	if _, err := queryNumber(ctx, conn, `SELECT count(*) FROM sqlite_schema`); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	there := f.now()
	if there.database != database {
		return nil, fmt.Errorf("%w: it is being moved", ErrReplaced)
	}
	if f.current != (files{}) && there != f.current {
		if err := f.check(ctx, conn); err != nil {
			return nil, fmt.Errorf("%w: %w; put the former one back, or restart sealmilter", ErrReplaced, err)
		}
		f.epoch++
	}
	f.current = there
	f.open[there]++
	return &watchedConn{sqliteConn: conn, watcher: f, files: there, since: f.outdated.Load()}, nil
}

// check looks at a database that has come in the place of another.
func (f *sqliteFiles) check(ctx context.Context, conn driver.QueryerContext) error {
	if err := checkPrivate(f.path); err != nil {
		return err
	}
	version, err := queryNumber(ctx, conn, `SELECT version FROM schema_version`)
	switch {
	case err != nil:
		return err
	case version != f.schema:
		return fmt.Errorf("the new one has the schema %d, not %d", version, f.schema)
	}
	return nil
}

func (f *sqliteFiles) closed(c *watchedConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[c.files]--; f.open[c.files] == 0 {
		delete(f.open, c.files)
	}
}

// failed has every connection make way once a file could not be read or made no sense: they keep what they have read in
// memory, also when the file has been put right.
func (f *sqliteFiles) failed(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case codeIOErr, codeCorrupt, codeNotADB:
			f.outdated.Add(1)
		}
	}
	return err
}
