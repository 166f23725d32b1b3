package lab

import (
	"io/fs"
	"os"
	"path/filepath"
)

// CopyPrivate copies a folder that only its owner may read, such as a state directory, to a new one. [os.CopyFS] alone would
// widen the modes.
func CopyPrivate(to, from string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o700)
		default:
			return os.Chmod(path, 0o600)
		}
	})
}
