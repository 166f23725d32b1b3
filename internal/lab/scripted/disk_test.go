package scripted_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestNothingOnDisk looks for the text of a message in every file that the program has open and in every one of its
// folders: when it has all of the message, while each copy is about to leave, and afterwards.
func TestNothingOnDisk(t *testing.T) {
	w := stock.NewWorld(t.Context(), t, stock.Build(t), false)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	l := load{messages: 1, visible: 3, hidden: 2, keyless: 2}
	p, err := w.Serve(t.Context(), "disk", "senders.trust = [\"192.0.2.25\"]\n"+l.keys())
	if err != nil {
		t.Fatal(err)
	}
	const marker = "a text that nobody may find on a disk"
	var looks, files atomic.Int64
	look := func() {
		looks.Add(1)
		n, err := search(p.PID(), temporary, []byte(marker))
		files.Add(int64(n))
		if err != nil {
			t.Error(err)
		}
	}
	mta, err := startDiscard(w.Reinject, look)
	if err != nil {
		t.Fatal(err)
	}
	defer mta.close()
	_, end, err := l.bring(t, w, 0, "text/plain", text(marker, 3<<20))
	if err != nil {
		t.Fatal(err)
	}
	look()
	if err := end(); err != nil {
		t.Errorf("%v\n%.4000s", err, p.Log())
	}
	look()
	// The search must be able to find something: the database, and what is put into its folder.
	if looks.Load() != 8 || files.Load() < 8 {
		t.Errorf("%d files in %d searches", files.Load(), looks.Load())
	}
	if err := os.WriteFile(filepath.Join(temporary, "left-over"), []byte("x"+marker), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := search(p.PID(), temporary, []byte(marker)); err == nil {
		t.Error("the search finds nothing")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), labtest.Patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// search reads all files that a process has open, those without a name as well, all beside one of them, and all in a
// folder. It returns how many there were, and an error that names the first with the text.
func search(pid int, folder string, text []byte) (files int, err error) {
	folders := map[string]bool{folder: true}
	visit := func(path, name string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil // it is gone
		}
		files++
		if bytes.Contains(b, text) {
			return fmt.Errorf("%s has the text of a message", name)
		}
		return nil
	}
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, err
	}
	for _, descriptor := range descriptors {
		info, err := os.Stat(descriptor)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		name, err := os.Readlink(descriptor)
		if err != nil {
			continue
		}
		if err := visit(descriptor, name); err != nil {
			return files, err
		}
		if filepath.Ext(name) == ".db" {
			folders[filepath.Dir(name)] = true
		}
	}
	if len(folders) < 2 {
		return files, fmt.Errorf("the program has no database open")
	}
	for folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			return visit(path, path)
		})
		if err != nil {
			return files, err
		}
	}
	return files, nil
}
