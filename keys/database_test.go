package keys_test

import (
	"os"
	"path/filepath"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// postgres is the server that the tests of this package share.
var postgres labtest.PostgreSQL

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// newDatabase returns the database of a new host with this state directory: an SQLite file in it, or a schema of
// PostgreSQL if the environment says SEALMILTER_TEST_DATABASE=postgresql.
func newDatabase(t testing.TB, dir string) string {
	t.Helper()
	switch kind := os.Getenv("SEALMILTER_TEST_DATABASE"); kind {
	case "", "sqlite":
		return sqliteFile(t, dir)
	case "postgresql":
		return postgres.NewSchema(t)
	default:
		t.Fatalf("SEALMILTER_TEST_DATABASE is %q, not sqlite or postgresql", kind)
		return ""
	}
}

func sqliteFile(_ testing.TB, dir string) string { return filepath.Join(dir, "sealmilter.db") }
