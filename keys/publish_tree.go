package keys

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// manifestFile lists the files of a tree that are ours.
const manifestFile = ".sealmilter-published"

// newSuffix marks a file that is being written.
const newSuffix = ".sealmilter-new"

// publishTree is a folder that is being brought up to date. Nothing outside of it is touched, whatever symbolic links
// lie in it.
type publishTree struct {
	root *os.Root
	ours map[string]bool
}

// writeTree makes the folder hold the files of tree, and records in d what that took.
func (d *Published) writeTree(folder string, tree map[string][]byte) (err error) {
	switch err := os.Mkdir(folder, 0o755); {
	case err == nil:
		if err := os.Chmod(folder, 0o755); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	lock, err := root.Open(".")
	if err != nil {
		return err
	}
	defer lock.Close() // and unlock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process seems to write there: %w", err)
	}
	t := publishTree{root: root}
	if t.ours, err = t.readManifest(); err != nil {
		return err
	}
	return d.update(&t, tree)
}

func (d *Published) update(t *publishTree, tree map[string][]byte) error {
	write := make(map[string][]byte)
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		switch current, err := t.root.ReadFile(name); {
		case errors.Is(err, fs.ErrNotExist):
			write[name] = tree[name]
		case err != nil:
			return err
		case bytes.Equal(current, tree[name]):
			// Nothing to write; if it is not ours, it stays another's.
		case t.ours[name]:
			write[name] = tree[name]
		default:
			d.Foreign = append(d.Foreign, name)
		}
	}
	// What is about to be written is ours even if the process ends in the middle.
	stale := maps.Clone(t.ours)
	for name := range write {
		t.ours[name] = true
	}
	if err := t.writeManifest(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(write)) {
		if err := t.write(name, write[name]); err != nil {
			return err
		}
		d.Written = append(d.Written, name)
	}
	for _, name := range slices.Sorted(maps.Keys(stale)) {
		if _, wanted := tree[name]; wanted {
			continue
		}
		if err := t.remove(name); err != nil {
			return err
		}
		d.Removed = append(d.Removed, name)
		delete(t.ours, name)
	}
	return t.writeManifest()
}

// readManifest returns the files that an earlier run has written.
func (t *publishTree) readManifest() (map[string]bool, error) {
	ours := make(map[string]bool)
	text, err := t.root.ReadFile(manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ours, nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name := lines.Text(); name != "" && !strings.HasPrefix(name, "#") {
			ours[name] = true
		}
	}
	return ours, err
}

func (t *publishTree) writeManifest() error {
	var b bytes.Buffer
	b.WriteString("# Files that sealmilter has written here, and will remove when they are needed no more.\n")
	for _, name := range slices.Sorted(maps.Keys(t.ours)) {
		b.WriteString(name + "\n")
	}
	if current, err := t.root.ReadFile(manifestFile); err == nil && bytes.Equal(current, b.Bytes()) {
		return nil
	}
	return t.write(manifestFile, b.Bytes())
}

// write replaces a file whole.
func (t *publishTree) write(name string, content []byte) error {
	if err := t.mkdir(path.Dir(name)); err != nil {
		return err
	}
	dir, base := path.Split(name)
	temporary := dir + "." + strings.TrimPrefix(base, ".") + newSuffix
	f, err := t.root.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, t.root.Remove(temporary))
	}
	return t.root.Rename(temporary, name)
}

// mkdir makes a folder and those above it, which everybody may enter whatever the umask.
func (t *publishTree) mkdir(name string) error {
	if name == "." {
		return nil
	}
	err := t.root.Mkdir(name, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := t.mkdir(path.Dir(name)); err != nil {
			return err
		}
		err = t.root.Mkdir(name, 0o755)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return t.root.Chmod(name, 0o755)
}

// remove deletes a file and the folders that it leaves empty.
func (t *publishTree) remove(name string) error {
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if t.root.Remove(dir) != nil {
			break // it holds something else
		}
	}
	return nil
}
