package outbox_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/store"
)

// patience bounds the start of a server; fetching packages on a fresh machine included.
const patience = 5 * time.Minute

// startServer starts the one PostgreSQL server of this run, when the first test asks for it.
var startServer = sync.OnceValues(func() (*lab.PostgreSQL, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := lab.StartPostgreSQL(ctx, os.Stderr)
	if err == nil {
		stopServer = func() { server.Close() }
	}
	return server, err
})

var stopServer = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopServer()
	os.Exit(code)
}

// eachDatabase runs a test on an empty database of each kind.
func eachDatabase(t *testing.T, name string, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run(name+"/sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "ledger.db")) })
	t.Run(name+"/postgresql", func(t *testing.T) { test(t, newDatabase(t)) })
}

// newDatabase returns the URL of an empty PostgreSQL database, which several hosts may share.
func newDatabase(t *testing.T) string {
	t.Helper()
	server, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	database, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return database
}

func openLedger(t *testing.T, database string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newLedger(t *testing.T) *store.Store {
	t.Helper()
	return openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
}
