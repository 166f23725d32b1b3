package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// scratch is what an instance of a real server has of this machine for itself: a folder and ports. The zero scratch has
// nothing.
type scratch struct {
	dir   string
	ports Ports
}

// claim makes the folder and reserves a port for each of the addresses, which it sets. What it has got before an error
// is the caller's to release.
func (s *scratch) claim(addrs ...*string) (err error) {
	if err := s.ports.Reserve(addrs...); err != nil {
		return err
	}
	s.dir, err = scratchDir()
	return err
}

// scratchDir makes a folder for one instance. It lies in /tmp whatever $TMPDIR says: a Unix socket's path has at
// most 107 octets, and other accounts must be able to walk to it.
func scratchDir() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "sealmilter-lab-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// path returns where a file of the folder lies.
func (s *scratch) path(name string) string { return filepath.Join(s.dir, name) }

// write fills files of the folder.
func (s *scratch) write(mode os.FileMode, files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// release gives all back. It may be called again.
func (s *scratch) release() error {
	var failures []error
	if s.dir != "" {
		failures = append(failures, os.RemoveAll(s.dir))
	}
	failures = append(failures, s.ports.Close())
	*s = scratch{}
	return errors.Join(failures...)
}

// started returns a server that is to start, and closes what there is of it if that has failed.
func started[S io.Closer](name string, server S, err error) (S, error) {
	if err != nil {
		var none S
		return none, fmt.Errorf("start %s: %w", name, errors.Join(err, server.Close()))
	}
	return server, nil
}

// untilKilled is how long a server may take to end when it is asked to.
func untilKilled() (context.Context, context.CancelFunc) {
	const patience = time.Minute // on a busy machine
	return context.WithTimeout(context.Background(), patience)
}
