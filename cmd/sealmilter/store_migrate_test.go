package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestStoreMigrate moves a host's database to PostgreSQL and back, as an administrator would.
func TestStoreMigrate(t *testing.T) {
	t.Parallel()
	database := labtest.NewDatabase(t, labtest.StartPostgreSQL(t))
	s := newServed(t)
	run := func(want string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(s.ctx, s.program, append(args, "-c", s.file)...)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v\n%s\nand not %q", args, err, out, want)
		}
		return string(out)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(s.ctx, s.program, append(args, "-c", s.file)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s\nand not %q", args, err, out, want)
		}
	}
	run("now signs for", "keys", "generate", "alice@example.org")
	before := run("alice@example.org", "keys", "list")

	// Not under the feet of a daemon.
	s.start("")
	s.hears("READY=1")
	fails("the database is in use by sealmilter serve; stop it", "store", "migrate", "--to", database)
	if err := s.Stop(s.ctx); err != nil {
		t.Fatal(err)
	}

	out := run("certificate          1 rows\n", "store", "migrate", "--to", database)
	for _, want := range []string{"compared. Next:", "1. set database in the configuration to the URL", "systemctl start sealmilter", "for several hosts: "} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	fails("the database to copy to is not empty: table certificate has 1 rows", "store", "migrate", "--to", database)

	state := filepath.Join(filepath.Dir(s.file), "state")
	if err := os.Rename(filepath.Join(state, "sealmilter.db"), filepath.Join(state, "former.db")); err != nil {
		t.Fatal(err)
	}
	s.configure("")
	text, err := os.ReadFile(s.file)
	if err == nil {
		err = os.WriteFile(s.file, append([]byte("database = \""+database+"\"\n"), text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if after := run("alice@example.org", "keys", "list"); after != before {
		t.Errorf("in PostgreSQL there is\n%s\nnot\n%s", after, before)
	}
	s.start("")
	s.hears("READY=1")
	fails("the database is in use by sealmilter serve", "store", "migrate", "--to", "built-in")
	if err := s.Stop(s.ctx); err != nil {
		t.Fatal(err)
	}
	run("bob", "keys", "generate", "bob@example.org")
	before = run("bob@example.org", "keys", "list")
	if out := run("certificate          2 rows\n", "store", "migrate", "--to", "built-in"); !strings.Contains(out, `set database in the configuration to "",`) {
		t.Errorf("it says\n%s", out)
	}
	s.configure("")
	if after := run("alice@example.org", "keys", "list"); after != before {
		t.Errorf("back in the file there is\n%s\nnot\n%s", after, before)
	}
	if info, err := os.Stat(filepath.Join(state, "sealmilter.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
