package store_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, file string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func update(t testing.TB, s *store.Store, change func(tx *store.KeyTx) error) {
	t.Helper()
	if err := s.UpdateKeys(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// private returns a path in a new directory that nobody else may write to.
func private(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "sealmilter.db")
}

func TestOpenKeepsOthersOut(t *testing.T) {
	file := private(t)
	s := open(t, file)
	update(t, s, func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon) })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

func TestOpenAgain(t *testing.T) {
	file := private(t)
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := open(t, file).Certificate(t.Context(), "AA")
	if err != nil || string(c.Blob) != "blob" || !c.Added.Equal(noon) || !c.Updated.Equal(noon) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, file string) (instead string)
		want    string
	}{
		{"no directory", func(t *testing.T, file string) string {
			return filepath.Join(filepath.Dir(file), "missing", "sealmilter.db")
		}, "create the directory"},
		{"directory that nobody may write to", func(t *testing.T, file string) string {
			return "/sys/kernel/sealmilter.db" // not even root may
		}, "open database /sys/kernel/sealmilter.db: "},
		{"directory that all may write to", func(t *testing.T, file string) string {
			chmod(t, filepath.Dir(file), 0o777)
			return file
		}, "chmod 0700"},
		{"file that others may read", func(t *testing.T, file string) string {
			open(t, file).Close()
			chmod(t, file, 0o640)
			return file
		}, "chmod 0600"},
		{"directory in the place of the file", func(t *testing.T, file string) string {
			return filepath.Dir(file)
		}, "not a regular file"},
		{"log that cannot be opened", func(t *testing.T, file string) string {
			open(t, file).Close()
			if err := os.Mkdir(file+"-wal", 0o700); err != nil {
				t.Fatal(err)
			}
			return file
		}, "may write to both"},
		{"not a database", func(t *testing.T, file string) string {
			write(t, file, []byte(strings.Repeat("not a database\n", 500)))
			return file
		}, "restore it from a backup"},
		{"damaged database", func(t *testing.T, file string) string {
			open(t, file).Close()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < len(b); i++ { // the header of the file stays
				b[i] = 0xA5
			}
			write(t, file, b)
			return file
		}, "restore it from a backup"},
		{"newer schema", func(t *testing.T, file string) string {
			open(t, file).Close()
			db, err := sql.Open("sqlite", file)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(`UPDATE schema_version SET version = 999`); err != nil {
				t.Fatal(err)
			}
			return file
		}, "schema 999 was made by a newer sealmilter"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := tc.prepare(t, private(t))
			s, err := store.Open(t.Context(), file)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("error %q does not say %q and %s", err, tc.want, file)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTwoWriters has two stores on one file write at the same time, as the daemon and the command line do.
func TestTwoWriters(t *testing.T) {
	const goroutines, rounds = 3, 20
	file := private(t)
	a, b := open(t, file), open(t, file)
	var all sync.WaitGroup
	for _, s := range []*store.Store{a, b} {
		for range goroutines {
			all.Go(func() {
				for range rounds {
					err := s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
						count := byte(0)
						c, err := tx.Certificate(t.Context(), "AA")
						switch {
						case err == nil:
							count = c.Blob[0]
						case !errors.Is(err, store.ErrNotFound):
							return err
						}
						return tx.PutCertificate(t.Context(), "AA", []byte{count + 1}, noon)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	c, err := a.Certificate(t.Context(), "AA")
	if err != nil || c.Blob[0] != 2*goroutines*rounds {
		t.Errorf("%v writes of %d are there, %v", c.Blob, 2*goroutines*rounds, err)
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	s := open(t, private(t))
	before, err := s.KeyGeneration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cause")
	err = s.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		return errors.Join(tx.PutCertificate(t.Context(), "AA", []byte("blob"), noon), cause)
	})
	if !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if c, err := s.Certificate(t.Context(), "AA"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%+v, %v", c, err)
	}
	if after, err := s.KeyGeneration(t.Context()); err != nil || after != before {
		t.Errorf("generation %d became %d, %v", before, after, err)
	}
}

func TestGenerationTellsOtherProcesses(t *testing.T) {
	file := private(t)
	a, b := open(t, file), open(t, file)
	last, err := b.KeyGeneration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		change func(tx *store.KeyTx) error
	}{
		{"put", func(tx *store.KeyTx) error { return tx.PutCertificate(t.Context(), "AA", []byte("1"), noon) }},
		{"services", func(tx *store.KeyTx) error {
			return tx.SetServices(t.Context(), "AA", "local", 7, []string{"a@example.org"})
		}},
		{"sender", func(tx *store.KeyTx) error {
			_, err := tx.SetSender(t.Context(), "a@example.org", "AA", noon)
			return err
		}},
		{"remove", func(tx *store.KeyTx) error { _, err := tx.RemoveCertificate(t.Context(), "AA"); return err }},
	} {
		update(t, a, step.change)
		now, err := b.KeyGeneration(t.Context())
		if err != nil || now <= last {
			t.Errorf("%s: generation went from %d to %d, %v", step.name, last, now, err)
		}
		last = now
	}
	if err := a.MarkSeen(t.Context(), "a@example.org", noon); err != nil {
		t.Fatal(err)
	}
	if now, err := b.KeyGeneration(t.Context()); err != nil || now != last {
		t.Errorf("a seen address raised the generation, %v", err)
	}
}
