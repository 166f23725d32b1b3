package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/store"
)

// patience bounds a test that waits for something that never comes; fetching packages on a fresh machine included.
const patience = 5 * time.Minute

// postgres is the server that the tests of this package share.
var postgres labtest.PostgreSQL

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// eachDatabase runs a test on an empty database of each kind.
func eachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, private(t)) })
	t.Run("postgresql", func(t *testing.T) { test(t, postgres.NewDatabase(t)) })
}

// another returns an empty database of the same kind.
func another(t *testing.T, database string) string {
	t.Helper()
	if strings.HasPrefix(database, "postgres:") {
		return postgres.NewDatabase(t)
	}
	return private(t)
}

func open(t testing.TB, database string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), database)
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
