package store_test

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"sealmilter/internal/store"
)

// steps returns the first migrations of the program, and more.
func steps(t *testing.T, count int, more ...string) fs.FS {
	t.Helper()
	names, err := fs.Glob(store.Migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	some := fstest.MapFS{}
	for _, name := range names[:count] {
		text, err := fs.ReadFile(store.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		some[name] = &fstest.MapFile{Data: text}
	}
	for i, text := range more {
		some[fmt.Sprintf("migrations/9%03d_more.sql", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return some
}

func countSteps(t *testing.T) int {
	t.Helper()
	names, err := fs.Glob(store.Migrations, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return len(names)
}

// rows is what a database of each schema may hold, by the number of the first schema that can.
var rows = map[int]string{
	1: `INSERT INTO certificate (fingerprint, blob, added, updated) VALUES ('AA', 'blob', 1772366400, 1772366400);
		INSERT INTO certificate_address (address, fingerprint, source, assigned) VALUES ('ä@example.org', 'AA', 'local', TRUE);
		INSERT INTO sender_key (address, fingerprint, created) VALUES ('a@example.org', 'AA', 1772366400);
		INSERT INTO address_seen (address, seen) VALUES ('a@example.org', 1772366400);
		UPDATE key_generation SET generation = 7`,
	2: `INSERT INTO sent_copy (message, copy, expires) VALUES ('m', 'c', 1772366401)`,
}

func TestMigrationKeepsRows(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		for from := 1; from <= countSteps(t); from++ {
			t.Run(fmt.Sprint("from schema ", from), func(t *testing.T) {
				database := another(t, database)
				old, err := store.OpenWith(t.Context(), database, steps(t, from))
				if err != nil {
					t.Fatal(err)
				}
				for schema := 1; schema <= from; schema++ {
					if err := old.Exec(t.Context(), rows[schema]); err != nil {
						t.Fatal(err)
					}
				}
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				wantRows(t, open(t, database), from)
			})
		}
	})
}

// wantRows checks that the rows of a schema are there.
func wantRows(t *testing.T, s *store.Store, schema int) {
	t.Helper()
	if all, err := s.CertificatesFor(t.Context(), "ä@example.org", "local"); err != nil || len(all) != 1 ||
		string(all[0].Blob) != "blob" || !all[0].Assigned || !all[0].Added.Equal(noon) {
		t.Errorf("%+v, %v", all, err)
	}
	if v, err := s.Sender(t.Context(), "a@example.org"); err != nil || v.Fingerprint != "AA" || !v.Created.Equal(noon) {
		t.Errorf("%+v, %v", v, err)
	}
	if seen, err := s.Seen(t.Context(), "a@example.org"); err != nil || !seen {
		t.Errorf("seen %t, %v", seen, err)
	}
	if generation, err := s.KeyGeneration(t.Context()); err != nil || generation < 7 {
		t.Errorf("generation %d, %v", generation, err)
	}
	if schema >= 2 {
		wantSent(t, s, "m", noon, "c")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		newer, err := store.OpenWith(t.Context(), database, steps(t, countSteps(t), `CREATE TABLE newer (x INTEGER)`))
		if err != nil {
			t.Fatal(err)
		}
		newer.Close()
		s, err := store.Open(t.Context(), database)
		if err == nil {
			s.Close()
			t.Fatal("opened")
		}
		want := fmt.Sprintf("schema %d was made by a newer sealmilter, this one knows %d", countSteps(t)+1, countSteps(t))
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	})
}

func TestFailedMigrationLeavesTheOldSchema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		old, err := store.OpenWith(t.Context(), database, steps(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Exec(t.Context(), rows[1]); err != nil {
			t.Fatal(err)
		}
		const broken = `DELETE FROM address_seen; CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1)`
		s, err := store.OpenWith(t.Context(), database, steps(t, countSteps(t), broken))
		if err == nil {
			s.Close()
			t.Fatal("opened")
		}
		if !strings.Contains(err.Error(), "migration 9000_more.sql") || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("error %q", err)
		}
		// The statements of the second migration fail if there is anything of it already.
		for schema := 2; schema <= countSteps(t); schema++ {
			again, err := store.OpenWith(t.Context(), database, steps(t, schema))
			if err != nil {
				t.Fatal(err)
			}
			again.Close()
		}
		if err := old.Exec(t.Context(), `CREATE TABLE half (x INTEGER)`); err != nil {
			t.Errorf("a part of the failed migration is there: %v", err)
		}
		old.Close()
		wantRows(t, open(t, database), 1)
	})
}

func TestProcessesMigrateOneAfterTheOther(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				s, err := store.Open(t.Context(), database)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		all.Wait()
		if generation, err := open(t, database).KeyGeneration(t.Context()); err != nil || generation != 0 {
			t.Errorf("generation %d, %v", generation, err)
		}
	})
}
