package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// settle makes the directory of a database look as if no file had come or gone for long, as in a daemon that has run for a
// while: nothing but the directory is looked at then.
func settle(t testing.TB, file string) {
	t.Helper()
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Dir(file), before, before); err != nil {
		t.Fatal(err)
	}
}

// TestGenerationIsRemembered makes sure that the database is not asked as long as nobody writes to it.
func TestGenerationIsRemembered(t *testing.T) {
	file := private(t)
	s, other := open(t, file), open(t, file)
	put(t, s, "first")
	settle(t, file)
	if s.GenerationRemembered() {
		t.Error("the generation was not read yet")
	}
	generation(t, s)
	wantBlob(t, other, "first")
	if !s.GenerationRemembered() {
		t.Error("the generation is not remembered")
	}
	put(t, other, "second")
	if s.GenerationRemembered() {
		t.Error("the generation is remembered after a change")
	}
}

// TestGenerationOfOthers has one store write and another one notice, whatever was remembered.
func TestGenerationOfOthers(t *testing.T) {
	file := private(t)
	reader, writer := open(t, file), open(t, file)
	put(t, writer, "first")
	settle(t, file)
	last := generation(t, reader)
	for i := range 50 {
		if err := writer.RecordSent(t.Context(), "m", []string{fmt.Sprint(i)}, noon); err != nil {
			t.Fatal(err)
		}
		if got := generation(t, reader); got != last {
			t.Errorf("generation %d, was %d before the record of a copy", got, last)
		}
		put(t, writer, fmt.Sprint(i))
		got := generation(t, reader)
		if got <= last {
			t.Fatalf("generation %d after change %d, was %d", got, i, last)
		}
		last = got
		if i%10 == 0 { // the log begins anew
			if err := writer.Exec(t.Context(), `PRAGMA wal_checkpoint(RESTART)`); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGenerationOfAnotherDatabase replaces the files of a database whose generation is remembered, and puts them back.
func TestGenerationOfAnotherDatabase(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	backup := closedStore(t, "from the backup")
	settle(t, file)
	before := generation(t, s)
	move(t, file, file+".away", allFiles...)
	if n, err := s.KeyGeneration(t.Context()); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("generation %d without a database, %v", n, err)
	}
	move(t, backup, file, "")
	between := generation(t, s)
	if between <= before {
		t.Errorf("generation %d, was %d", between, before)
	}
	settle(t, file)
	if again := generation(t, s); again != between {
		t.Errorf("generation %d, was %d", again, between)
	}
}

// TestIndexRemoved removes the index of the log, of which another process makes a new one. What that writes is noticed.
func TestIndexRemoved(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	settle(t, file)
	before := generation(t, s)
	if err := os.Remove(file + "-shm"); err != nil {
		t.Fatal(err)
	}
	other := open(t, file)
	put(t, other, "second")
	if after := generation(t, s); after <= before {
		t.Errorf("generation %d, was %d", after, before)
	}
	wantBlob(t, s, "second")
	put(t, s, "third")
	wantBlob(t, other, "third")
}

// TestGenerationAfterClose has nobody answer from memory for a store that is closed.
func TestGenerationAfterClose(t *testing.T) {
	file := private(t)
	s, other := open(t, file), open(t, file)
	generation(t, other)
	generation(t, s)
	settle(t, file)
	generation(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.KeyGeneration(t.Context()); err == nil {
		t.Errorf("generation %d of a closed store", n)
	}
}

// TestLocksOutliveAnotherStore closes one of two stores of a process. The system forgets all locks of a process on a file as
// soon as that closes any descriptor of it, and then other processes would take the log for one that nobody uses.
func TestLocksOutliveAnotherStore(t *testing.T) {
	file := private(t)
	stays := open(t, file)
	put(t, stays, "first")
	goes, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	generation(t, goes)
	if !hasLock(t, file+"-shm") {
		t.Fatal("SQLite has no lock on its index")
	}
	if err := goes.Close(); err != nil {
		t.Fatal(err)
	}
	if !hasLock(t, file+"-shm") {
		t.Error("SQLite's lock on its index is gone")
	}
}

// TestIndexIsClosed makes sure that a process that opens and closes stores does not collect descriptors.
func TestIndexIsClosed(t *testing.T) {
	descriptors := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	file := private(t)
	var before int
	for i := range 12 {
		s, err := store.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		generation(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			before = descriptors()
		}
	}
	if after := descriptors(); after > before+5 { // others may open some
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// hasLock reports whether this process has a lock on a file, by /proc/locks.
func hasLock(t *testing.T, path string) bool {
	t.Helper()
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	defer locks.Close()
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		// 1: POSIX  ADVISORY  READ 1234 fd:01:5678 128 128
		f := strings.Fields(lines.Text())
		if len(f) > 5 && f[1] == "POSIX" && f[4] == fmt.Sprint(os.Getpid()) && strings.HasSuffix(f[5], fmt.Sprintf(":%d", s.Ino)) {
			return true
		}
	}
	return false
}
