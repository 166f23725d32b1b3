package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// giveBack gives the files that a command of root's has made in the state directory to the directory's owner, so that the
// daemon can use them. It follows no link out of the directory, and leaves files that have another name elsewhere.
func giveBack(state string) (err error) {
	if os.Geteuid() != 0 {
		return nil
	}
	root, err := os.OpenRoot(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || owner.Uid == 0 {
		return nil
	}
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a file of the database, while the daemon runs
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		its, known := info.Sys().(*syscall.Stat_t)
		if !known || its.Uid != 0 || !d.IsDir() && (!d.Type().IsRegular() || its.Nlink != 1) {
			return nil
		}
		return root.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
