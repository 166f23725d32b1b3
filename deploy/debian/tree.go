package debian

import (
	"crypto/md5"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tree has the files of a package by their paths without the first slash. What dpkg gets for itself is in DEBIAN.
type tree map[string]file

type file struct {
	content []byte
	mode    fs.FileMode
}

func (t tree) add(name, text string) { t[name] = file{[]byte(text), 0o644} }

func (t tree) addCompressed(name string, text []byte) { t[name] = file{compressed(text), 0o644} }

// installed returns the paths of what is installed, in order.
func (t tree) installed() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t)), func(name string) bool { return strings.HasPrefix(name, "DEBIAN/") })
}

// sums returns what dpkg --verify holds the files to, which are those that are no settings (deb-md5sums(5)).
func (t tree) sums() string {
	var b strings.Builder
	for _, name := range t.installed() {
		if !strings.HasPrefix(name, "etc/") {
			fmt.Fprintf(&b, "%x  %s\n", md5.Sum(t[name].content), name)
		}
	}
	return b.String()
}

// size returns what is installed, in KiB, as Debian counts: files in whole KiB, and each folder for one
// (deb-substvars(5)).
func (t tree) size() int64 {
	folders := make(map[string]bool)
	var sum int64
	for _, name := range t.installed() {
		sum += (int64(len(t[name].content)) + 1023) / 1024
		for dir := filepath.Dir(name); !folders[dir]; dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	return sum + int64(len(folders))
}

// write writes the tree into a folder. Everything is of the same time, and open to all as far as a package's files are.
func (t tree) write(root string, at time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		place := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(place, t[name].content, t[name].mode); err != nil {
			return err
		}
		if err := os.Chmod(place, t[name].mode); err != nil { // whatever the umask is
			return err
		}
	}
	return filepath.WalkDir(root, func(place string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(place, 0o755)
		}
		if err != nil {
			return err
		}
		return os.Chtimes(place, at, at)
	})
}
