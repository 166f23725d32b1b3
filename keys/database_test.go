package keys_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

// startServer starts the one PostgreSQL server of this run, when the first host asks for it.
var startServer = sync.OnceValues(func() (*lab.PostgreSQL, error) {
	const patience = 5 * time.Minute // fetching packages on a fresh machine included
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

// newDatabase returns the database of a new host with this state directory: an SQLite file in it, or a PostgreSQL
// database if the environment says SEALMILTER_TEST_DATABASE=postgresql.
func newDatabase(t testing.TB, dir string) string {
	t.Helper()
	switch kind := os.Getenv("SEALMILTER_TEST_DATABASE"); kind {
	case "", "sqlite":
		return sqliteFile(t, dir)
	case "postgresql":
		server, err := startServer()
		if err != nil {
			t.Fatal(err)
		}
		database, err := server.NewDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return database
	default:
		t.Fatalf("SEALMILTER_TEST_DATABASE is %q, not sqlite or postgresql", kind)
		return ""
	}
}

func sqliteFile(_ testing.TB, dir string) string { return filepath.Join(dir, "sealmilter.db") }
