package outbox_test

import (
	"os"
	"path/filepath"
	"testing"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/store"
)

// postgres is the server that the tests of this package share.
var postgres labtest.PostgreSQL

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// eachDatabase runs a test on an empty database of each kind.
func eachDatabase(t *testing.T, name string, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run(name+"/sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "ledger.db")) })
	t.Run(name+"/postgresql", func(t *testing.T) { test(t, postgres.NewDatabase(t)) })
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
