package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// logFile is the write-ahead log of an SQLite database, as a file that is flushed from outside of SQLite.
//
// With synchronous=NORMAL a commit appends to the log and does not wait for the disk
// (https://www.sqlite.org/pragma.html#pragma_synchronous). Flushing the log afterwards makes the commit last, wherever it
// is by then. Either it still is in the log: then all before it is there, too, and recovery reads the log up to it
// (https://www.sqlite.org/fileformat2.html, section 4.4). Or a checkpoint, perhaps of another process, has moved it: a
// checkpoint flushes the log before it writes to the database, and flushes the database before it allows the log to be
// overwritten or deleted (https://www.sqlite.org/wal.html, section 2.1 and 6).
//
// No lock is lost by opening and closing the file: SQLite's are on the database and on its -shm file.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File // nil before the first flush
}

// flush returns when everything in the log is on stable storage. The file stays open, so that the system reports an error
// of writing it that happens between two flushes.
func (l *logFile) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.follow(); err != nil {
		return err
	}
	for {
		err := syscall.Fdatasync(int(l.file.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync "+l.path, err)
		}
	}
}

// follow opens the file if it is not the one that was flushed last: SQLite deletes it with the last connection to it.
func (l *logFile) follow() error {
	at, err := os.Stat(l.path)
	if err != nil {
		return fmt.Errorf("%w: %w; nobody but SQLite may move or delete this file", ErrReplaced, err)
	}
	if l.file != nil {
		if open, err := l.file.Stat(); err == nil && os.SameFile(at, open) {
			return nil
		}
	}
	if err := l.drop(); err != nil {
		return err
	}
	if l.file, err = os.Open(l.path); err != nil {
		return err
	}
	return flushDir(filepath.Dir(l.path))
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drop()
}

// drop closes the file. The caller holds the mutex.
func (l *logFile) drop() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// flushDir makes the names in a directory last. A file system that cannot says that it is not asked for.
func flushDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	var refused *fs.PathError
	if err := dir.Sync(); err != nil && !(errors.As(err, &refused) && errors.Is(refused, syscall.EINVAL)) {
		return err
	}
	return nil
}
