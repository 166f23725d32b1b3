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
