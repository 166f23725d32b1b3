package premises

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sealmilter/internal/event"
)

// Owner is the user and the group that a file belongs to, by their numbers.
type Owner struct{ UID, GID int }

// OwnerOf returns the owner of a file, if the file system knows one.
func OwnerOf(info fs.FileInfo) (Owner, bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return Owner{}, false
	}
	return Owner{int(stat.Uid), int(stat.Gid)}, true
}

// GiveBack gives the files that a command of root's has made in the state directory to the directory's owner, so that the
// daemon can use them.
func GiveBack(state string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	its, known := OwnerOf(info)
	if !known || its.UID == 0 {
		return nil
	}
	return HandOver(state, 0, its)
}

// WhatStays visits the files of a state directory, and passes over those that go away meanwhile: files of the database
// come and go while the daemon runs.
func WhatStays(visit func(path string, info fs.FileInfo) error) fs.WalkDirFunc {
	return func(path string, d fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		default:
			return visit(path, info)
		}
	}
}

// HandOver gives what belongs to a user in a directory, and the directory itself, to another owner. It follows no link out
// of the directory, and leaves files that have another name elsewhere.
func HandOver(dir string, from int, to Owner) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", WhatStays(func(path string, info fs.FileInfo) error {
		its, known := OwnerOf(info)
		if !known || its.UID != from || !info.IsDir() && (!info.Mode().IsRegular() || info.Sys().(*syscall.Stat_t).Nlink != 1) {
			return nil
		}
		return root.Lchown(path, to.UID, to.GID)
	}))
}

// IsStateOfRoot reports whether a directory belongs to root, to nobody else, and has in it what commands, and a daemon,
// put into a state directory, and nothing more: a folder that is named as one by mistake is none.
func IsStateOfRoot(dir string) (bool, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	its, known := OwnerOf(info)
	if !known || its.UID != 0 || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false, nil
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		database, _ := filepath.Match("sealmilter.db*", e.Name()) // the pattern is well-formed
		if !database && e.Name() != "secret" && e.Name() != filepath.Base(event.SecretFile(dir)) {
			return false, err
		}
	}
	return err == nil, err
}
