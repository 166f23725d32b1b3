package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/store"
)

// filesIn returns a digest of what is in each file of a folder. The index of a log is left out, for it is only a cache.
func filesIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(e.Name(), "-shm") {
			all[e.Name()] = fmt.Sprintf("%x of %d octets", sha256.Sum256(b), len(b))
		}
	}
	return all
}

func TestLook(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		if err := s.Exec(t.Context(), rows[1]); err != nil {
			t.Fatal(err)
		}
		looked := func() {
			t.Helper()
			seen, err := store.Look(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := seen.Close(); err != nil {
					t.Error(err)
				}
			}()
			wantRows(t, seen, 1)
			if found, err := seen.Inspect(t.Context()); err != nil || found.Schema != countSteps(t) {
				t.Errorf("%+v, %v", found, err)
			}
			if damage, err := seen.Damage(t.Context()); err != nil || len(damage) > 0 {
				t.Error(damage, err)
			}
			if err := seen.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
				return tx.PutSecret(t.Context(), "BB", []byte("secret"), noon)
			}); err == nil {
				t.Error("it was changed")
			}
			if err := seen.RecordSent(t.Context(), "m", []string{"c"}, noon); err == nil {
				t.Error("a copy was recorded")
			}
		}
		looked() // beside one who works with it
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		looked() // alone
	})
}

// TestLookLeavesOlderSchema has a program that is newer than the database.
func TestLookLeavesOlderSchema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		wanted := countSteps(t)
		schema := func(open func() (*store.Store, error)) int {
			t.Helper()
			s, err := open()
			var older *store.OlderSchema
			switch {
			case errors.As(err, &older) && older.Wanted == wanted:
				return older.Schema
			case err != nil:
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return wanted
		}
		look := func() (*store.Store, error) { return store.Look(t.Context(), database) }
		current := func() (*store.Store, error) { return store.OpenCurrent(t.Context(), database, "") }
		with := func(n int) func() (*store.Store, error) {
			return func() (*store.Store, error) { return store.OpenWith(t.Context(), database, steps(t, n)) }
		}
		schema(with(wanted - 2))
		for range 2 {
			if got := schema(look); got != wanted-2 {
				t.Errorf("schema %d", got)
			}
			if got := schema(current); got != wanted-2 {
				t.Errorf("schema %d", got)
			}
		}
		schema(with(wanted))
		if got := schema(look); got != wanted {
			t.Errorf("schema %d", got)
		}
		s, err := store.OpenWith(t.Context(), database, steps(t, wanted, `CREATE TABLE more (a TEXT)`))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func() (*store.Store, error){look, current} {
			if _, err := open(); err == nil || !strings.Contains(err.Error(), "made by a newer sealmilter") {
				t.Error(err)
			}
		}
	})
}

// TestLookAtNothing finds an empty database empty, and makes none.
func TestLookAtNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		_, err := store.Look(t.Context(), database)
		var older *store.OlderSchema
		switch {
		case strings.HasPrefix(database, "postgres:") && (!errors.As(err, &older) || older.Schema != 0):
			t.Error(err)
		case !strings.HasPrefix(database, "postgres:"):
			if !errors.Is(err, fs.ErrNotExist) || len(filesIn(t, filepath.Dir(database))) > 0 {
				t.Error(err)
			}
		}
		s, err := store.OpenCurrent(t.Context(), database, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLookLeavesNoTrace compares the files before and after, of a database that was closed well, one whose daemon was
// killed, and one that is older than the program.
func TestLookLeavesNoTrace(t *testing.T) {
	for name, keep := range map[string]func(t *testing.T, database string) string{
		"closed": func(t *testing.T, database string) string {
			if err := open(t, database).Close(); err != nil {
				t.Fatal(err)
			}
			return database
		},
		"killed": func(t *testing.T, database string) string {
			s := open(t, database)
			if err := s.Exec(t.Context(), rows[1]); err != nil {
				t.Fatal(err)
			}
			// What a kill leaves behind is what is there at that moment.
			killed := private(t)
			for _, end := range []string{"", "-wal", "-shm"} {
				b, err := os.ReadFile(database + end)
				if err == nil {
					err = os.WriteFile(killed+end, b, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			return killed
		},
		"older": func(t *testing.T, database string) string {
			s, err := store.OpenWith(t.Context(), database, steps(t, 3))
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			return database
		},
	} {
		t.Run(name, func(t *testing.T) {
			database := keep(t, private(t))
			before := filesIn(t, filepath.Dir(database))
			s, err := store.Look(t.Context(), database)
			if err == nil {
				if name == "killed" {
					wantRows(t, s, 1)
				}
				err = s.Close()
			}
			var older *store.OlderSchema
			if err != nil && !errors.As(err, &older) {
				t.Fatal(err)
			}
			if after := filesIn(t, filepath.Dir(database)); !maps.Equal(before, after) {
				t.Errorf("before\n%v\nafter\n%v", before, after)
			}
		})
	}
}
