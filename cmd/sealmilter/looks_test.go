package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contents returns what lies in a folder: the mode and the octets of each file.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var b []byte
		if info.Mode().IsRegular() {
			b, err = os.ReadFile(path)
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), string(b))
		if d.IsDir() { // the log of the database comes and goes
			all[path] = fmt.Sprint(info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCheckChangesNothing looks at the files before and after: of a new host, of one with a key, and of one whose
// program is newer than its database.
func TestCheckChangesNothing(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	file := filepath.Join(dir, "sealmilter.toml")
	text := "listen = \"unix:none.sock\"\nreinject = \"127.0.0.1:1\"\nstate = \"state\"\n[keys]\nsources = [\"local\"]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sealmilter := func(args ...string) string {
		var out bytes.Buffer
		run(t.Context(), append(args, "-c", file), strings.NewReader(""), &out, &out)
		return out.String()
	}
	same := func(want string, args ...string) {
		t.Helper()
		before := contents(t, dir)
		if out := sealmilter(args...); !strings.Contains(out, want) {
			t.Errorf("%q: %q is not in\n%s", args, want, out)
		}
		if after := contents(t, dir); !maps.Equal(before, after) {
			t.Errorf("%q has changed files", args)
		}
	}
	same("warning  state: "+state+" does not exist yet", "check", "--offline")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	same("ok       database: there is none yet", "check", "--offline")
	same("warning  senders: there is no secret key", "check", "--offline")

	sealmilter("keys", "generate", "alice@example.org")
	same("warning  sender alice@example.org: the key is stored without a passphrase", "check", "--offline")
	same("ok       database: SQLite ", "check", "--offline")
	same("alice@example.org", "keys", "list", "--secret")

	db, err := sql.Open("sqlite", filepath.Join(state, "sealmilter.db"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), `UPDATE schema_version SET version = version - 2`)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	same("-> sealmilter -c "+file+" store backup sealmilter-schema5.db; then systemctl restart", "check", "--offline")
	for _, args := range [][]string{{"keys", "list"}, {"keys", "list", "--conflicts"}, {"keys", "lookup", "bob@example.net"},
		{"explain", "--from", "alice@example.org", "--to", "bob@example.net"}} {
		same("of an older sealmilter", args...)
	}
}
