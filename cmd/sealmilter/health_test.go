package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealthCommand asks a daemon that works, one whose database has gone, and none.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	s := newServed(t)
	asks := func(status int, want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(s.ctx, s.program, append([]string{"health", "-c", s.file}, args...)...).CombinedOutput()
		var ended *exec.ExitError
		if errors.As(err, &ended) && ended.ExitCode() != status || err == nil && status != 0 || !strings.Contains(string(out), want) {
			t.Errorf("health %q: %v\n%s", args, err, out)
		}
	}
	asks(exitFailed, "nobody answers at ")
	s.start("")
	s.hears("READY=1")
	asks(exitDone, "ok\n")
	asks(exitDone, "ready\n", "--ready")
	// A mistake in the file is not the daemon's, which an engine would start anew for it, and that would fail.
	good, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append(good, "\n[policy]\nmode = \"what\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	asks(exitDone, "ok\n")
	if err := os.WriteFile(s.file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(filepath.Dir(s.file), "state", "sealmilter.db")
	if err := os.Rename(database, database+".gone"); err != nil {
		t.Fatal(err)
	}
	asks(exitNo, "database_read: ", "--ready")
	asks(exitDone, "ok\n")
	s.admin = ""
	s.configure("")
	asks(exitFailed, `admin is "" in the configuration`, "--ready")
}
