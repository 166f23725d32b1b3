package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/store"
)

// patience bounds a test that waits for something that never comes; fetching packages on a fresh machine included.
const patience = 5 * time.Minute

// startServer starts the one PostgreSQL server of this run, when the first test asks for it.
var startServer = sync.OnceValues(func() (*lab.PostgreSQL, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	started, err := lab.StartPostgreSQL(ctx, os.Stderr)
	if err == nil {
		stopServer = func() { started.Close() }
	}
	return started, err
})

var stopServer = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopServer()
	os.Exit(code)
}

// server returns the PostgreSQL server that tests share. One that stops or changes it takes its own.
func server(t testing.TB) *lab.PostgreSQL {
	t.Helper()
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newDatabase returns the URL of a new database.
func newDatabase(t testing.TB, server *lab.PostgreSQL) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	database, err := server.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return database
}

// eachDatabase runs a test on an empty database of each kind.
func eachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, private(t)) })
	t.Run("postgresql", func(t *testing.T) { test(t, newDatabase(t, server(t))) })
}

// another returns an empty database of the same kind.
func another(t *testing.T, database string) string {
	t.Helper()
	if strings.HasPrefix(database, "postgres:") {
		return newDatabase(t, server(t))
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
