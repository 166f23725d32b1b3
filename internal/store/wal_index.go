package store

import (
	"sync"
	"syscall"
)

// walHeader is the beginning of SQLite's index of its write-ahead log: the header and its copy. Every commit of whatever
// process changes both, the copy first (https://www.sqlite.org/walformat.html, section 2.2.1). It is by comparing them with
// those it has seen before that SQLite itself finds out whether others have written.
type walHeader [2 * walHeaderSize]byte

const walHeaderSize = 48

// walIndex reads the header of the index in the -shm file, which takes a fraction of a query. It is safe for concurrent use.
//
// It reads and does not map the file, since SQLite truncates one that a process has left behind when it died. And it does
// not close it as long as SQLite may have it open: with the first descriptor that a process closes it loses all locks
// that it has on a file (https://www.sqlite.org/howtocorrupt.html, section 2.2), and other processes would take the log for
// one that nobody uses. SQLite deletes the file when nobody does.
type walIndex struct {
	path string

	mu   sync.Mutex
	open bool
	fd   int
	of   inode
}

// header returns the header of the index in a file, if that is the one at the path, and nobody is writing the header.
func (w *walIndex) header(of inode) (h walHeader, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if (!w.open || w.of != of) && !w.follow(of) {
		return h, false
	}
	n, err := syscall.Pread(w.fd, h[:], 0)
	return h, err == nil && n == len(h) && h.settled()
}

// settled reports whether the index has been set up, and no header is half written.
func (h *walHeader) settled() bool {
	const initialized = 12
	return h[initialized] != 0 && [walHeaderSize]byte(h[:walHeaderSize]) == [walHeaderSize]byte(h[walHeaderSize:])
}

// follow opens the file at the path. The caller holds the mutex.
func (w *walIndex) follow(of inode) bool {
	w.drop()
	if of == (inode{}) || inodeAt(w.path) != of {
		return false
	}
	fd, err := syscall.Open(w.path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	w.open, w.fd = true, fd
	var s syscall.Stat_t
	if err := syscall.Fstat(fd, &s); err != nil {
		return false
	}
	w.of = inode{uint64(s.Dev), s.Ino}
	return w.of == of
}

// drop leaves the file. Its descriptor stays behind if somebody may have locks: another store of this process, or one whose
// files were moved. The caller holds the mutex.
func (w *walIndex) drop() error {
	if !w.open {
		return nil
	}
	w.open, w.of = false, inode{}
	var s syscall.Stat_t
	if err := syscall.Fstat(w.fd, &s); err != nil || s.Nlink > 0 {
		return err
	}
	return syscall.Close(w.fd)
}

// close is for when SQLite has closed its connections.
func (w *walIndex) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.path = ""
	return w.drop()
}
