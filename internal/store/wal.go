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
	file *os.File // nil before the first use
	// reserved is up to where the file has room on the disk, as far as that was asked for.
	reserved int64
}

// logRoom is the room for further records in octets: some 16 KiB for each message whose next copy is on its way.
const logRoom = 2 << 20

// reserve makes sure that the log can grow although the disk gets full. A record comes when its copy is with the MTA, and
// must not fail then. The room is for such records alone: when there is none beyond it, that is an error. A file system
// that knows no reservations says so, and goes without.
func (l *logFile) reserve() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.follow(); err != nil {
		return err
	}
	err := l.extend()
	if err == nil && isFull(l.file) {
		err = syscall.ENOSPC
	}
	if err != nil {
		return fmt.Errorf("reserve room for records in %s: %w; check the disk and its free space", l.path, err)
	}
	return nil
}

// extend asks for more room if less than logRoom is left. The caller holds the mutex.
func (l *logFile) extend() error {
	info, err := l.file.Stat()
	if err != nil || l.reserved >= info.Size()+logRoom {
		return err
	}
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	for {
		err := syscall.Fallocate(int(l.file.Fd()), keepSize, info.Size(), 2*logRoom)
		switch {
		case err == nil, errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			l.reserved = info.Size() + 2*logRoom
			return nil
		case !errors.Is(err, syscall.EINTR):
			return err
		}
	}
}

// isFull reports whether the file system of a file has no free block for this process, as far as it tells.
func isFull(f *os.File) bool {
	var s syscall.Statfs_t
	if syscall.Fstatfs(int(f.Fd()), &s) != nil || s.Blocks == 0 {
		return false
	}
	if os.Geteuid() == 0 {
		return s.Bfree == 0
	}
	return s.Bavail == 0
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
	if l.file, err = os.OpenFile(l.path, os.O_RDWR, 0); err != nil {
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
	l.file, l.reserved = nil, 0
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
