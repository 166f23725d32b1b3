package store

import (
	"math"
	"os"
	"slices"
	"syscall"
)

// ClaimsFile returns the file whose locks the claims on this host are, nil if this process alone has the database. A process
// that inherits it holds the claims as well, until it closes the file or gives them up with [HoldClaims]. The store
// closes its own.
func (s *Store) ClaimsFile() (*os.File, error) {
	c := s.host
	if c.path == "" {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.open(); err != nil {
		return nil, claimError(err)
	}
	return c.file, nil
}

// HoldClaims has an inherited file hold the claims of some messages and of no others, whatever it held before. A
// message that another process has claimed in the meantime stays that one's. The process that the file was inherited
// from must have ended.
func HoldClaims(file *os.File, messages []string) error {
	c := hostClaims{path: file.Name(), file: file}
	octets := make([]int64, 0, len(messages)+1)
	for _, m := range messages {
		if _, err := c.take(m); err != nil {
			return claimError(err)
		}
		octets = append(octets, octetOf(m))
	}
	slices.Sort(octets)
	from := int64(0)
	for _, o := range append(octets, math.MaxInt64) {
		if o > from {
			if err := c.lockRange(lockAtOnce, syscall.F_UNLCK, from, o-from); err != nil {
				return claimError(err)
			}
		}
		from = max(from, o+1)
	}
	return nil
}
