package lab_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func newDatabase(t *testing.T, server *lab.PostgreSQL) (name string) {
	t.Helper()
	database := labtest.NewDatabase(t, server)
	u, err := url.Parse(database)
	if err != nil || u.Host != server.Addr || u.User.Username() != "sealmilter" {
		t.Fatalf("%s: %v", database, err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func wantSQL(t *testing.T, server *lab.PostgreSQL, database, statement, want string) {
	t.Helper()
	got, err := server.SQL(bounded(t), database, statement)
	if err != nil || got != want {
		t.Errorf("%s: %q, %v, want %q", statement, got, err, want)
	}
}

func TestPostgreSQL(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	first, second := newDatabase(t, server), newDatabase(t, server)
	const owner = `SELECT datdba::regrole FROM pg_database WHERE datname = current_database()`
	wantSQL(t, server, first, owner, "sealmilter")
	wantSQL(t, server, first, `SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'sealmilter'`, "f")
	wantSQL(t, server, first, `SHOW server_encoding`, "UTF8")
	wantSQL(t, server, first, `SELECT DISTINCT auth_method FROM pg_hba_file_rules`, "scram-sha-256")
	wantSQL(t, server, first, `CREATE TABLE t AS SELECT 1 AS x, 'a' AS y`, "")
	wantSQL(t, server, first, `SELECT * FROM t`, "1|a")
	if got, err := server.SQL(bounded(t), second, `SELECT * FROM t`); err == nil || !strings.Contains(err.Error(), `"t" does not exist`) {
		t.Errorf("another database has the table: %q, %v", got, err)
	}
}

func TestPostgreSQLOutage(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	database := newDatabase(t, server)
	wantSQL(t, server, database, `CREATE TABLE t (x INTEGER)`, "")
	for _, end := range []func(context.Context) error{server.Stop, server.Crash} {
		wantSQL(t, server, database, `INSERT INTO t VALUES (1)`, "")
		if err := end(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := server.SQL(bounded(t), database, `SELECT 1`); err == nil {
			t.Error("it answers after its end")
		}
		if err := end(bounded(t)); err != nil {
			t.Errorf("ending it again: %v", err)
		}
		if err := server.Start(bounded(t)); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(bounded(t)); err == nil {
			t.Error("it started twice")
		}
	}
	wantSQL(t, server, database, `SELECT count(*) FROM t`, "2")
}

func TestPostgreSQLLeavesNothing(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	data, err := server.SQL(bounded(t), "postgres", `SHOW data_directory`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", data, err)
	}
	var exit *exec.ExitError
	if out, err := exec.Command("pgrep", "-f", filepath.Dir(data)).Output(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("processes are left: %s (%v)", out, err)
	}
}

// A start that fails says why, and leaves nothing behind.
func TestPostgreSQLSaysWhyItFails(t *testing.T) {
	server := labtest.StartPostgreSQL(t)
	if _, err := server.SQL(bounded(t), "postgres", `ALTER SYSTEM SET shared_preload_libraries = 'nothing'`); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(bounded(t)); err == nil || !strings.Contains(err.Error(), `could not access file "nothing"`) {
		t.Errorf("the error is: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if other, err := lab.StartPostgreSQL(ended, t.Output()); err == nil {
		t.Error("it started after the end of the context", other.Close())
	}
}
