package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"syscall"
)

// hostClaims are the messages in work on this host. Each is a lock on one octet of a file, far behind its end: the
// kernel lets go of it when the process ends, however that happens. It is safe for concurrent use.
type hostClaims struct {
	// path is a file that all processes of this host share that use the database, "" if there is only this one.
	path string

	mu   sync.Mutex
	file *os.File // nil before the first claim
	held map[string]bool
}

// F_OFD_GETLK, F_OFD_SETLK and F_OFD_SETLKW of Linux (fcntl(2)): the lock belongs to the open file and not to the
// process, so that nobody loses it by closing the file elsewhere. The first tells what is in the way of a lock, the
// last waits for whoever has it.
const (
	lockAsked   = 36
	lockAtOnce  = 37
	lockPatient = 38
)

// identityLock is the octet that is locked while the identity of the host is written.
const identityLock = math.MaxInt64 - 1

// take claims a message, unless somebody on this host has it.
func (c *hostClaims) take(message string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[message] {
		return false, nil
	}
	if c.path != "" {
		if err := c.open(); err != nil {
			return false, err
		}
		err := c.lock(lockAtOnce, syscall.F_WRLCK, octetOf(message))
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	if c.held == nil {
		c.held = map[string]bool{}
	}
	c.held[message] = true
	return true, nil
}

// drop ends a claim.
func (c *hostClaims) drop(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, message)
	if c.file != nil {
		c.lock(lockAtOnce, syscall.F_UNLCK, octetOf(message)) // unlocking what is locked does not fail (fcntl(2))
	}
}

// count returns how many messages this process has claimed.
func (c *hostClaims) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// all returns the messages that this process has claimed.
func (c *hostClaims) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.held))
}

// identity returns a name of this host that no other host has, the same after a restart, and "" if there is no file to
// keep it in. A copy of the file on a host of another name makes another identity.
func (c *hostClaims) identity() (string, error) {
	if c.path == "" {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.open(); err != nil {
		return "", err
	}
	if err := c.lock(lockPatient, syscall.F_WRLCK, identityLock); err != nil {
		return "", err
	}
	defer c.lock(lockAtOnce, syscall.F_UNLCK, identityLock)
	id, err := io.ReadAll(io.NewSectionReader(c.file, 0, 1<<10))
	if err != nil {
		return "", err
	}
	if len(id) == 0 {
		id = []byte(rand.Text())
		if _, err := c.file.WriteAt(id, 0); err != nil {
			return "", err
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(append(id, name...))
	return hex.EncodeToString(digest[:]), nil
}

// open opens the file. The caller holds the mutex.
func (c *hostClaims) open() (err error) {
	if c.file == nil {
		c.file, err = os.OpenFile(c.path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	}
	return err
}

// lock changes the lock of one octet. The caller holds the mutex.
func (c *hostClaims) lock(command int, kind int16, octet int64) error {
	return c.lockRange(command, kind, octet, 1)
}

// lockRange changes the locks of some octets. The caller holds the mutex.
func (c *hostClaims) lockRange(command int, kind int16, from, octets int64) error {
	l := syscall.Flock_t{Type: kind, Whence: io.SeekStart, Start: from, Len: octets}
	return os.NewSyscallError("lock "+c.path, syscall.FcntlFlock(c.file.Fd(), command, &l))
}

// octetOf is where the lock of a message is. That two messages meet in one octet is as good as impossible, and would have
// one of them wait.
func octetOf(message string) int64 {
	digest := sha256.Sum256([]byte(message))
	return int64(binary.BigEndian.Uint64(digest[:8]) >> 2)
}

func (c *hostClaims) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
