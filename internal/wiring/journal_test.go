package wiring

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// place is a folder with files and a journal beside it.
type place struct {
	t       *testing.T
	dir     string
	journal Journal
}

func newPlace(t *testing.T, files map[string]string) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.journal = Journal{Dir: filepath.Join(p.dir, "setup", "mta")}
	for name, text := range files {
		p.write(name, text)
	}
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o640); err != nil {
		p.t.Fatal(err)
	}
}

// change prepares a change; an empty text removes the file.
func (p *place) change(name, text string) FileChange {
	p.t.Helper()
	c, err := Read(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	if c.After = []byte(text); text == "" {
		c.After = nil
	}
	return c
}

func (p *place) apply(changes ...FileChange) func() error {
	p.t.Helper()
	back, err := p.journal.Apply(changes)
	if err != nil {
		p.t.Fatal(err)
	}
	return back
}

// state is every file with mode and content.
func (p *place) state() string {
	p.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		b.WriteString(strings.TrimPrefix(path, p.dir) + " " + info.Mode().String() + " " + string(text) + "\n")
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return b.String()
}

// undo brings back what was there; edited files become their new content with "-merged".
func (p *place) undo() {
	p.t.Helper()
	changes, err := p.journal.Undo(func(_ string, now, _ []byte) []byte { return append(now, "-merged"...) })
	if err == nil {
		_, err = WriteAll(changes)
	}
	if err == nil {
		err = p.journal.Clear()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	os.Remove(filepath.Dir(p.journal.Dir))
}

func TestJournalUndoes(t *testing.T) {
	p := newPlace(t, map[string]string{"a": "one", "b": "two", "empty": ""})
	before := p.state()
	p.apply(p.change("a", "ONE"), p.change("new", "three"), p.change("b", "two"), p.change("empty", "full"))
	p.apply(p.change("a", "ONE and more"), p.change("b", "TWO"))
	if info, err := os.Stat(p.journal.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	p.undo()
	if after := p.state(); after != before {
		t.Errorf("it has become\n%s\nfrom\n%s", after, before)
	}
	p.undo()
	if after := p.state(); after != before {
		t.Errorf("undone twice it has become\n%s", after)
	}
}

func TestJournalTakesBack(t *testing.T) {
	p := newPlace(t, map[string]string{"a": "one"})
	back := p.apply(p.change("a", "1"))
	first := p.state()
	again := p.apply(p.change("a", "11"), p.change("b", "2"))
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if now := p.state(); now != first {
		t.Errorf("it has become\n%s\nfrom\n%s", now, first)
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.journal.Dir); err == nil {
		t.Error("the record is still there")
	}
	if text, _ := os.ReadFile(filepath.Join(p.dir, "a")); string(text) != "one" {
		t.Errorf("%q", text)
	}
}

// TestJournalChangesAllOrNothing has the second of two files fail.
func TestJournalChangesAllOrNothing(t *testing.T) {
	p := newPlace(t, map[string]string{"a": "one"})
	before := p.state()
	nowhere := FileChange{Path: filepath.Join(p.dir, "missing", "b"), After: []byte("x"), Mode: 0o600}
	if _, err := p.journal.Apply([]FileChange{p.change("a", "1"), nowhere}); err == nil {
		t.Fatal("no error")
	}
	if after := p.state(); after != before {
		t.Errorf("it has become\n%s\nfrom\n%s", after, before)
	}
}

// TestJournalMergesWhatOthersChanged has the administrator change one file after setup, and one between two runs of it.
// Who may read a file is the administrator's to say, after it was changed as well.
func TestJournalLeavesModes(t *testing.T) {
	p := newPlace(t, map[string]string{"main.cf": "a\n"})
	p.apply(p.change("main.cf", "b\n"))
	path := filepath.Join(p.dir, "main.cf")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	changes, err := p.journal.Undo(func(string, []byte, []byte) []byte {
		t.Error("asked about a file that nobody has edited")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := WriteAll(changes); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "a\n" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestJournalMergesWhatOthersChanged(t *testing.T) {
	p := newPlace(t, map[string]string{"a": "one", "b": "two", "c": "three", "gone": "four"})
	p.apply(p.change("a", "1"), p.change("b", "2"), p.change("c", "3"), p.change("gone", "4"))
	p.write("b", "2 edited")
	p.apply(p.change("b", "2 edited, 22"))
	p.write("a", "1 edited")
	os.Remove(filepath.Join(p.dir, "gone"))
	p.undo()
	for name, want := range map[string]string{"a": "1 edited-merged", "b": "2 edited, 22-merged", "c": "three", "gone": "four"} {
		if text, err := os.ReadFile(filepath.Join(p.dir, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestJournalOfAnotherProgram(t *testing.T) {
	p := newPlace(t, nil)
	p.apply(p.change("a", "1"))
	if err := os.WriteFile(p.journal.path(), []byte(`{"version": 2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.journal.Undo(nil); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
	if _, err := p.journal.Apply([]FileChange{p.change("a", "2")}); err == nil {
		t.Error("it was changed all the same")
	}
}

// TestLinksStayLinks changes the file that a symbolic link leads to.
func TestLinksStayLinks(t *testing.T) {
	p := newPlace(t, map[string]string{"real": "one"})
	link := filepath.Join(p.dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	p.apply(p.change("link", "two"))
	if target, err := os.Readlink(link); err != nil || target != "real" {
		t.Error(target, err)
	}
	if text, _ := os.ReadFile(filepath.Join(p.dir, "real")); string(text) != "two" {
		t.Errorf("%q", text)
	}
}
