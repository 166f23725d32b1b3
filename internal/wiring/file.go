package wiring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FileChange is what becomes of one file.
type FileChange struct {
	Path string
	// Before and After are its contents, nil for a file that is not there.
	Before, After []byte
	// Mode, UID and GID are those of the file as it will be. [Read] fills them in for a file that is there.
	Mode     fs.FileMode
	UID, GID int
}

// Read returns the change that leaves a file as it is; a file that is not there has a nil Before. A symbolic link is
// followed, so that it stays one.
func Read(path string) (FileChange, error) {
	c := FileChange{Path: path, Mode: 0o644}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		c.Path = real
	}
	info, err := os.Stat(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if !info.Mode().IsRegular() {
		return c, fmt.Errorf("%s is not a file", path)
	}
	c.Mode = info.Mode().Perm()
	if owner, known := info.Sys().(*syscall.Stat_t); known {
		c.UID, c.GID = int(owner.Uid), int(owner.Gid)
	}
	if c.Before, err = os.ReadFile(c.Path); err != nil {
		return c, err
	}
	if c.Before == nil {
		c.Before = []byte{}
	}
	c.After = c.Before
	return c, nil
}

// Changes reports whether the file will be another one.
func (c FileChange) Changes() bool {
	return string(c.Before) != string(c.After) || (c.Before == nil) != (c.After == nil)
}

// Diff is the change as a unified diff.
func (c FileChange) Diff() string { return Diff(c.Path, c.Before, c.After) }

// reversed is the change back.
func (c FileChange) reversed() FileChange {
	c.Before, c.After = c.After, c.Before
	return c
}

// write carries the change out: all of it or nothing.
func (c FileChange) write() error {
	if c.After == nil {
		return os.Remove(c.Path)
	}
	temporary, err := os.CreateTemp(filepath.Dir(c.Path), ".sealmilter-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // gone already when all went well
	_, err = temporary.Write(c.After)
	err = errors.Join(err, temporary.Chown(c.UID, c.GID), temporary.Chmod(c.Mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), c.Path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(c.Path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// WriteAll carries out the changes that are any, or none of them. The function that it returns takes them back.
func WriteAll(changes []FileChange) (back func() error, err error) {
	var done []FileChange
	back = func() error {
		var failures []error
		for i := len(done) - 1; i >= 0; i-- {
			if err := done[i].reversed().write(); err != nil {
				failures = append(failures, fmt.Errorf("restore %s: %w", done[i].Path, err))
			}
		}
		done = nil
		return errors.Join(failures...)
	}
	for _, c := range changes {
		if !c.Changes() {
			continue
		}
		if err := c.write(); err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", c.Path, err), back())
		}
		done = append(done, c)
	}
	return back, nil
}
