// Package labtest lends tests what they share: a PostgreSQL for a whole test binary, homes for the real gpg, and what the
// tests of all MTAs do alike.
package labtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// PostgreSQL is the one server that the tests of a package share. It starts when the first of them asks for it. The
// zero PostgreSQL is ready for use; it is safe for concurrent use.
type PostgreSQL struct {
	once   sync.Once
	server *lab.PostgreSQL
	err    error
}

// Run runs the tests, ends the server if it was started, and returns the exit status. TestMain calls it.
func (p *PostgreSQL) Run(m *testing.M) int {
	status := m.Run()
	if p.server != nil {
		p.server.Close()
	}
	return status
}

// Server returns the server. A test that stops or changes it starts its own.
func (p *PostgreSQL) Server(t testing.TB) *lab.PostgreSQL {
	t.Helper()
	p.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		p.server, p.err = lab.StartPostgreSQL(ctx, os.Stderr)
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.server
}

// NewDatabase returns the URL of an empty database.
func (p *PostgreSQL) NewDatabase(t testing.TB) string {
	t.Helper()
	return NewDatabase(t, p.Server(t))
}

// NewSchema returns the URL of an empty schema, for tests that have no other program at work in another one.
func (p *PostgreSQL) NewSchema(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	schema, err := p.Server(t).NewSchema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// NewDatabase returns the URL of an empty database on a test's own server.
func NewDatabase(t testing.TB, server *lab.PostgreSQL) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	database, err := server.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return database
}

// StartPostgreSQL starts a server for one test, which may stop it.
func StartPostgreSQL(t testing.TB) *lab.PostgreSQL {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	server, err := lab.StartPostgreSQL(ctx, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Log())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
