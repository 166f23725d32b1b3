package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// workPrefix begins the names of folders in which a backup is made. Their owner alone can use them (mode 0700).
const workPrefix = ".sealmilter-backup-"

// errTaken says that a folder is another process's, or gone.
var errTaken = errors.New("another process has the folder")

// workFolder makes a folder that is locked until unlock is called or the process ends, by which others know that it is
// in use.
func workFolder(dir string) (folder string, unlock func() error, err error) {
	for {
		if folder, err = os.MkdirTemp(dir, workPrefix+"*"); err != nil {
			return "", nil, err
		}
		unlock, err = lockFolder(folder)
		switch {
		case err == nil:
			return folder, unlock, nil
		case !errors.Is(err, errTaken): // who removes what was abandoned may have come before the lock
			return "", nil, errors.Join(err, os.Remove(folder))
		}
	}
}

// lockFolder takes a folder that this user has made, unless a process has it.
func lockFolder(folder string) (unlock func() error, err error) {
	f, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	var opened, there unix.Stat_t
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = errors.Join(unix.Fstat(int(f.Fd()), &opened), unix.Lstat(folder, &there))
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.ENOENT),
		err == nil && (opened.Ino != there.Ino || opened.Dev != there.Dev || int(opened.Uid) != os.Geteuid()):
		return nil, errors.Join(errTaken, f.Close())
	case err != nil:
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: folder, Err: err}, f.Close())
	}
	return f.Close, nil
}

// removeAbandoned removes the folders of processes that were killed: addresses are in them, and perhaps secret keys.
func removeAbandoned(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a folder into which one may write, and not look
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), workPrefix) {
			continue
		}
		folder := filepath.Join(dir, e.Name())
		unlock, err := lockFolder(folder)
		if err != nil {
			continue // it is in use, or somebody else's
		}
		if err := errors.Join(os.RemoveAll(folder), unlock()); err != nil {
			return err
		}
	}
	return nil
}
