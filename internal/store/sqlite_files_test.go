package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/store"
)

// put stores a certificate whose blob is a word.
func put(t *testing.T, s *store.Store, word string) {
	t.Helper()
	update(t, s, func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte(word), noon) })
}

// wantBlob reads it again.
func wantBlob(t *testing.T, s *store.Store, want string) {
	t.Helper()
	c, err := s.Certificate(t.Context(), "AA")
	if err != nil || string(c.Blob) != want {
		t.Errorf("the store has %q, %v, want %q", c.Blob, err, want)
	}
}

// wantReplaced makes sure that nothing is read and nothing written.
func wantReplaced(t *testing.T, s *store.Store, advice string) {
	t.Helper()
	_, read := s.Certificate(t.Context(), "AA")
	_, generation := s.KeyGeneration(t.Context())
	written := s.RecordSent(t.Context(), "m", []string{"c"}, noon)
	for _, err := range []error{read, generation, written} {
		if !errors.Is(err, store.ErrReplaced) || !strings.Contains(err.Error(), advice) {
			t.Errorf("error %v, want %q", err, advice)
		}
	}
}

func generation(t *testing.T, s *store.Store) int64 {
	t.Helper()
	n, err := s.KeyGeneration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// move renames the files of a database.
func move(t *testing.T, from, to string, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		if err := os.Rename(from+suffix, to+suffix); err != nil {
			t.Fatal(err)
		}
	}
}

// closedStore makes the file of a database that nobody has open.
func closedStore(t *testing.T, word string) string {
	t.Helper()
	file := private(t)
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, word)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

var allFiles = []string{"", "-wal", "-shm"}

// TestDatabaseMovedAway has nothing go on behind the back of those who would find no database, or another one.
func TestDatabaseMovedAway(t *testing.T) {
	for name, suffixes := range map[string][]string{"alone": {""}, "with its log": allFiles} {
		t.Run(name, func(t *testing.T) {
			file := private(t)
			s := open(t, file)
			put(t, s, "first")
			before := generation(t, s)
			move(t, file, file+".away", suffixes...)
			wantReplaced(t, s, "put it back")
			if _, err := os.Stat(file); err == nil {
				t.Error("an empty database took its place")
			}
			move(t, file+".away", file, suffixes...)
			wantBlob(t, s, "first")
			if after := generation(t, s); after != before {
				t.Errorf("generation %d, was %d", after, before)
			}
			put(t, s, "second")
			wantBlob(t, open(t, file), "second")
		})
	}
}

// TestDatabaseReplaced puts another database in the place of an open one. Nothing that was read of the old one passes for
// what the new one says, whatever the generations.
func TestDatabaseReplaced(t *testing.T) {
	file := private(t)
	s := open(t, file)
	for range 5 {
		put(t, s, "first")
	}
	before := generation(t, s)
	backup := closedStore(t, "from the backup")
	move(t, file, file+".away", allFiles...)
	move(t, backup, file, "")
	wantBlob(t, s, "from the backup")
	if after := generation(t, s); after <= before {
		t.Errorf("generation %d, was %d", after, before)
	}
	put(t, s, "second")
	wantBlob(t, open(t, file), "second")
	wantBlob(t, open(t, file+".away"), "first")
}

// TestLogOfAnotherDatabase replaces a database and leaves its log, which SQLite would take for the new one's.
func TestLogOfAnotherDatabase(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	move(t, closedStore(t, "from the backup"), file, "")
	wantReplaced(t, s, "-wal belongs to the former one")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(file + suffix); err != nil {
			t.Fatal(err)
		}
	}
	wantBlob(t, s, "from the backup")
	put(t, s, "second")
	wantBlob(t, open(t, file), "second")
}

// TestLogRemoved removes the log of an open database: what was in it is not lost, nor what comes after.
func TestLogRemoved(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	if err := os.Remove(file + "-wal"); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, s, "first")
	put(t, s, "second")
	wantBlob(t, open(t, file), "second")
	if _, err := os.Stat(file + "-wal"); err != nil {
		t.Error(err)
	}
}

// TestLogRemovedInUse does the same while a transaction is open, which nobody may mix with a new log. Whether what it has
// written will last cannot be told.
func TestLogRemovedInUse(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	err := s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		if err := os.Remove(file + "-wal"); err != nil {
			return err
		}
		if _, err := s.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrReplaced) {
			t.Errorf("error %v", err)
		}
		return tx.PutCertificate(t.Context(), "AA", []byte("second"), noon)
	})
	if !errors.Is(err, store.ErrReplaced) {
		t.Errorf("error %v", err)
	}
	wantBlob(t, s, "second")
	put(t, s, "third")
	wantBlob(t, open(t, file), "third")
}

// TestDamagedAndRestored overwrites the bytes of an open database, and puts them back.
func TestDamagedAndRestored(t *testing.T) {
	file := private(t)
	s := open(t, file)
	put(t, s, "first")
	// A second store takes the log into the database when it is the last to go.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	overwrite := func(b []byte) {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(b, 0)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(bytes.Repeat([]byte{0xa5}, len(whole)))
	for range 3 {
		if c, err := s.Certificate(t.Context(), "AA"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("a damaged database says %+v, %v", c, err)
		}
	}
	overwrite(whole)
	wantBlob(t, s, "first")
	put(t, s, "second")
	wantBlob(t, open(t, file), "second")
}

// TestReplacedByAStranger has files come that are no database of this program.
func TestReplacedByAStranger(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(t *testing.T) string
		want string
	}{
		"older schema": {func(t *testing.T) string {
			file := private(t)
			s, err := store.OpenWith(t.Context(), file, steps(t, 1))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return file
		}, "the new one has the schema 1"},
		"readable by all": {func(t *testing.T) string {
			file := closedStore(t, "open")
			chmod(t, file, 0o644)
			return file
		}, "chmod 0600"},
		"empty": {func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "empty.db")
			write(t, file, nil)
			return file
		}, "restart sealmilter"},
	} {
		t.Run(name, func(t *testing.T) {
			file := private(t)
			s := open(t, file)
			put(t, s, "first")
			other := tc.make(t)
			move(t, file, file+".away", allFiles...)
			move(t, other, file, "")
			wantReplaced(t, s, tc.want)
			for _, suffix := range []string{"-wal", "-shm"} {
				os.Remove(file + suffix) // the stranger's, if it has any
			}
			move(t, file+".away", file, allFiles...)
			wantBlob(t, s, "first")
		})
	}
}
