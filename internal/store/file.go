package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ensurePrivate creates file with mode 0600 if it is missing, and checks that nobody else can read the addresses in
// it or put a database of their own in its place. SQLite gives its -wal and -shm files the mode of the database.
func ensurePrivate(file string) error {
	if err := checkFolder(filepath.Dir(file)); err != nil {
		return err
	}

	// An existing file is never opened here: closing it would drop the POSIX locks that SQLite holds on it elsewhere
	// in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkPrivate(file)
}

// checkFolder refuses a folder that others may write to.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("%w; create the directory for the user that runs sealmilter, with mode 0700", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may write to %s (mode %04o); chmod 0700 %[1]s", dir, mode)
	}
	return nil
}

// checkPrivate refuses a file that others may use.
func checkPrivate(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return errors.New("it is not a regular file")
	case mode.Perm()&0o077 != 0:
		return fmt.Errorf("others may read or write it (mode %04o); chmod 0600 %s", mode.Perm(), file)
	}
	return nil
}
