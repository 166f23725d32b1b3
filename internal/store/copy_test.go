package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// everyRow is some rows for every table that is copied, but for those that calls of furnish make.
const everyRow = `
	INSERT INTO sender_origin (fingerprint, generated) VALUES ('AA', TRUE), ('BB', FALSE);
	INSERT INTO sender_revocation (fingerprint, text) VALUES ('AA', ':-----BEGIN');
	INSERT INTO correspondence (pair, day) VALUES ('digest', 20000)`

// furnish puts something of everything into a store.
func furnish(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	blob := make([]byte, 256)
	for i := range blob {
		blob[i] = byte(i)
	}
	update(t, s, func(tx *store.KeyTx) error {
		var all []error
		for i := range 250 {
			all = append(all, tx.PutCertificate(ctx, fmt.Sprintf("%04X", i), blob, noon.Add(time.Duration(i)*time.Second)))
		}
		_, service := tx.AddService(ctx, "0001", "wkd", 3, "ä@example.org")
		_, assigned := tx.Assign(ctx, "0002", "local", "b@example.org")
		_, sender := tx.SetSender(ctx, "a@example.org", "AA", noon)
		_, conflict := tx.AddConflict(ctx, store.Conflict{Address: "ä@example.org", Fingerprint: "0003", Source: "wkd", Level: 2, Why: "it is new", Since: noon})
		return errors.Join(append(all, service, assigned, sender, conflict,
			tx.PutSecret(ctx, "AA", blob, noon),
			tx.SetPin(ctx, store.Pin{Address: "ä@example.org", Fingerprint: "0001", Level: 3, Source: "wkd", Pinned: noon, Refresh: noon.Add(time.Hour), Former: "CC"}),
			tx.PutLookup(ctx, store.Lookup{Address: "c@example.org", Source: "wkd", Outcome: 2, Detail: "none", Asked: noon, Expires: noon.Add(time.Hour)}),
			tx.PutKeyService(ctx, store.KeyService{Domain: "example.org", Source: "wkd", Served: noon}),
			tx.MarkSeen(ctx, "ä@example.org", noon))...)
	})
	if err := errors.Join(s.RecordSent(ctx, "m", []string{"c1", "c2"}, noon.Add(time.Hour)), s.Exec(ctx, everyRow)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PassKey(ctx, []byte("0123456789abcdef0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
}

// wantFurnished checks that what furnish has made is there.
func wantFurnished(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	if all, err := s.CertificatesFor(ctx, "ä@example.org", "wkd"); err != nil || len(all) != 1 || len(all[0].Blob) != 256 ||
		all[0].Blob[255] != 255 || all[0].Assigned || !all[0].Added.Equal(noon.Add(time.Second)) {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := s.CertificatesFor(ctx, "b@example.org", "local"); err != nil || len(all) != 1 || !all[0].Assigned {
		t.Errorf("%+v, %v", all, err)
	}
	if v, err := s.Sender(ctx, "a@example.org"); err != nil || v.Fingerprint != "AA" || !v.Created.Equal(noon) {
		t.Errorf("%+v, %v", v, err)
	}
	if p, err := s.Pin(ctx, "ä@example.org"); err != nil || p.Fingerprint != "0001" || p.Level != 3 || p.Former != "CC" || !p.Refresh.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v", p, err)
	}
	if all, err := s.Conflicts(ctx, ""); err != nil || len(all) != 1 || all[0].Why != "it is new" || !all[0].Since.Equal(noon) {
		t.Errorf("%+v, %v", all, err)
	}
	if v, err := s.Secret(ctx, "AA"); err != nil || len(v.Blob) != 256 || v.Revision < 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if text, err := s.SecretRevocation(ctx, "AA"); err != nil || text != ":-----BEGIN" {
		t.Errorf("%q, %v", text, err)
	}
	for fingerprint, want := range map[string]bool{"AA": true, "BB": false} {
		if generated, err := s.SenderGenerated(ctx, fingerprint); err != nil || generated != want {
			t.Errorf("%s generated: %t, %v", fingerprint, generated, err)
		}
	}
	if l, err := s.Lookup(ctx, "c@example.org", "wkd"); err != nil || l.Outcome != 2 || l.Detail != "none" {
		t.Errorf("%+v, %v", l, err)
	}
	if serves, err := s.Serves(ctx, "example.org"); err != nil || !serves {
		t.Errorf("serves %t, %v", serves, err)
	}
	if seen, err := s.Seen(ctx, "ä@example.org"); err != nil || !seen {
		t.Errorf("seen %t, %v", seen, err)
	}
	if there, err := s.Corresponded(ctx, "digest", 20000, 20000); err != nil || !there {
		t.Errorf("corresponded %t, %v", there, err)
	}
	if key, err := s.PassKey(ctx, []byte("another")); err != nil || string(key) != "0123456789abcdef0123456789abcdef" {
		t.Errorf("%q, %v", key, err)
	}
	wantSent(t, s, "m", noon, "c1", "c2")
}

// source opens a database alone, to be copied, and target one to copy to.
func source(t *testing.T, database string) *store.Store {
	t.Helper()
	return opened(t)(store.OpenAlone(t.Context(), database, filepath.Dir(private(t))))
}

func target(t testing.TB, database string) *store.Store {
	t.Helper()
	return opened(t)(store.OpenTarget(t.Context(), database, filepath.Dir(private(t))))
}

func opened(t testing.TB) func(*store.Store, error) *store.Store {
	return func(s *store.Store, err error) *store.Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
}

// furnished returns a database with something of everything.
func furnished(t *testing.T, database string) string {
	t.Helper()
	s := open(t, database)
	furnish(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return database
}

// TestEveryTableIsCopied holds the copy to the schema.
func TestEveryTableIsCopied(t *testing.T) {
	names, err := fs.Glob(store.Migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	// Messages in work are those of a daemon, and the generation is set to a higher one.
	want := append([]string{"message_claim", "key_generation"}, store.CopiedTables...)
	var all []string
	for _, name := range names {
		text, err := fs.ReadFile(store.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`CREATE TABLE (\w+)`).FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(want)
	slices.Sort(all)
	if !slices.Equal(all, want) {
		t.Errorf("the schema has the tables\n%q, and copied are\n%q", all, want)
	}
}

// TestCopy copies from each kind of database to each.
func TestCopy(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		from := source(t, furnished(t, database))
		generation, err := from.KeyGeneration(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		eachDatabase(t, func(t *testing.T, database string) {
			to := target(t, database)
			said := map[string]store.Copied{}
			if err := from.CopyTo(t.Context(), to, func(c store.Copied) { said[c.Table] = c }); err != nil {
				t.Fatal(err)
			}
			if len(said) != len(store.CopiedTables) || said["certificate"].Rows != 250 {
				t.Errorf("said %v", said)
			}
			for _, c := range said {
				if c.Rows != c.Of || c.Rows == 0 {
					t.Errorf("it ends with %+v", c)
				}
			}
			wantFurnished(t, to)
			wantFurnished(t, from)
			if now, err := to.KeyGeneration(t.Context()); err != nil || now <= generation {
				t.Errorf("the generation was %d and is %d, %v", generation, now, err)
			}
			// A second time, it is not empty.
			err := from.CopyTo(t.Context(), to, func(store.Copied) {})
			if !errors.Is(err, store.ErrNotEmpty) || !strings.Contains(err.Error(), "table certificate has 250 rows") {
				t.Errorf("once more: %v", err)
			}
			// And back, to a new one.
			back := target(t, private(t))
			if err := to.CopyTo(t.Context(), back, func(store.Copied) {}); err != nil {
				t.Fatal(err)
			}
			wantFurnished(t, back)
		})
	})
}

// TestCopyIsAllOrNothing ends it at each table, and has it fail at the last.
func TestCopyIsAllOrNothing(t *testing.T) {
	from := source(t, furnished(t, private(t)))
	eachDatabase(t, func(t *testing.T, database string) {
		to := target(t, database)
		for _, table := range store.CopiedTables {
			ctx, cancel := context.WithCancel(t.Context())
			err := from.CopyTo(ctx, to, func(c store.Copied) {
				if c.Table == table {
					cancel()
				}
			})
			if err == nil {
				t.Fatalf("it was ended at %s and says nothing", table)
			}
			cancel()
		}
		if err := from.CopyTo(t.Context(), to, func(store.Copied) {}); err != nil {
			t.Errorf("after all that: %v", err)
		}
		wantFurnished(t, to)
	})
}

// TestCopyIsCompared has the target change what is written.
func TestCopyIsCompared(t *testing.T) {
	from := open(t, private(t))
	furnish(t, from)
	for name, change := range map[string]string{
		"another value": `UPDATE certificate SET updated = updated + 1 WHERE fingerprint = new.fingerprint`,
		"a row less":    `DELETE FROM certificate WHERE fingerprint = new.fingerprint`,
		"a row more":    `INSERT INTO certificate (fingerprint, blob, added, updated) VALUES ('more', x'00', 1, 1)`,
	} {
		to := open(t, private(t))
		if err := to.Exec(t.Context(), `CREATE TRIGGER other AFTER INSERT ON certificate WHEN new.fingerprint = '0064' BEGIN `+change+`; END`); err != nil {
			t.Fatal(err)
		}
		err := from.CopyTo(t.Context(), to, func(store.Copied) {})
		if err == nil || !strings.Contains(err.Error(), "table certificate: the copy differs from the original") {
			t.Errorf("%s: %v", name, err)
		}
		if c, err := to.Certificate(t.Context(), "0001"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// TestCopyOfStrangeText copies what others have said, in octets that PostgreSQL does not take.
func TestCopyOfStrangeText(t *testing.T) {
	from, to := open(t, private(t)), target(t, postgres.NewDatabase(t))
	if err := from.Exec(t.Context(), `INSERT INTO conflict (address, fingerprint, source, level, why, since)
		VALUES ('a@example.org', 'AA', 'wkd', 2, CAST(x'6974ff0021' AS TEXT), 1)`); err != nil {
		t.Fatal(err)
	}
	if err := from.CopyTo(t.Context(), to, func(store.Copied) {}); err != nil {
		t.Fatal(err)
	}
	if all, err := to.Conflicts(t.Context(), ""); err != nil || len(all) != 1 || all[0].Why != "it\uFFFD\uFFFD!" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestOpenAlone is refused while a daemon works, on this host or elsewhere, and keeps one from starting.
func TestOpenAlone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		state := filepath.Dir(private(t))
		if !strings.HasPrefix(database, "postgres:") {
			state = filepath.Dir(database)
		}
		daemon := func() *store.Store {
			t.Helper()
			s, err := store.OpenWithState(t.Context(), database, state)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		a, b := daemon(), daemon()
		if err := errors.Join(a.Serve(t.Context()), b.Serve(t.Context())); err != nil {
			t.Fatal(err)
		}
		refused := func() {
			t.Helper()
			if s, err := store.OpenAlone(t.Context(), database, state); !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), "systemctl stop sealmilter") {
				t.Errorf("%v", err)
				if err == nil {
					s.Close()
				}
			}
		}
		refused()
		a.Close()
		refused()
		b.Close()
		s, err := store.OpenAlone(t.Context(), database, state)
		if err != nil {
			t.Fatal(err)
		}
		c := daemon()
		if err := c.Serve(t.Context()); !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), "store migrate") {
			t.Errorf("%v", err)
		}
		s.Close()
		if err := c.Serve(t.Context()); err != nil {
			t.Error(err)
		}
		c.Close()

		if strings.HasPrefix(database, "postgres:") {
			elsewhere, err := store.OpenWithState(t.Context(), database, filepath.Dir(private(t)))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(elsewhere.Serve(t.Context()), elsewhere.Ping(t.Context())); err != nil {
				t.Fatal(err)
			}
			refused()
			elsewhere.Close()
			s, err := store.OpenAlone(t.Context(), database, state)
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
	})
}

// BenchmarkCopy is how long a move takes.
func BenchmarkCopy(b *testing.B) {
	from := open(b, private(b))
	const certificates = 10_000
	blob := make([]byte, 2000)
	update(b, from, func(tx *store.KeyTx) error {
		for i := range certificates {
			if err := tx.PutCertificate(b.Context(), fmt.Sprint(i), blob, noon); err != nil {
				return err
			}
		}
		return nil
	})
	for name, database := range map[string]func() string{
		"sqlite":     func() string { return private(b) },
		"postgresql": func() string { return postgres.NewDatabase(b) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := from.CopyTo(b.Context(), target(b, database()), func(store.Copied) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
