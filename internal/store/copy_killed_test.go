package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// The environment has this test binary copy a database instead of testing, and wait when a table is copied.
const (
	killedFrom  = "SEALMILTER_KILLED_FROM"
	killedInto  = "SEALMILTER_KILLED_INTO"
	killedTable = "SEALMILTER_KILLED_TABLE"
)

// TestCopyUntilKilled is what a process does that TestKilledCopy kills.
func TestCopyUntilKilled(t *testing.T) {
	table := os.Getenv(killedTable)
	if table == "" {
		t.Skip("TestKilledCopy starts it")
	}
	from := source(t, os.Getenv(killedFrom))
	to := target(t, os.Getenv(killedInto))
	err := from.CopyTo(t.Context(), to, func(c store.Copied) {
		if c.Table == table && c.Rows == c.Of {
			fmt.Println("here it waits")
			io.Copy(io.Discard, os.Stdin) // until it is killed, or nobody is there who could
		}
	})
	t.Error(err)
}

// TestKilledCopy kills the process (SIGKILL) behind the first table, the last one and two in between. The original is
// whole and the target is empty: the next copy finds it so, at once, and makes it whole.
func TestKilledCopy(t *testing.T) {
	t.Parallel()
	for name, databases := range map[string]func(testing.TB) (from, into string){
		"to PostgreSQL": func(t testing.TB) (string, string) { return private(t), postgres.NewDatabase(t) },
		"and back":      func(t testing.TB) (string, string) { return postgres.NewDatabase(t), private(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, into := databases(t)
			furnished(t, from)
			for _, table := range []string{"certificate", "sender_secret", "lookup", "sent_copy"} {
				killCopy(t, from, into, table)
				empty(t, into)
			}
			to := target(t, into)
			original := source(t, from)
			if err := original.CopyTo(t.Context(), to, func(store.Copied) {}); err != nil {
				t.Fatal(err)
			}
			wantFurnished(t, to)
			wantFurnished(t, original)
		})
	}
}

// killCopy has a process copy a database, and kills it when a table is copied.
func killCopy(t *testing.T, from, into, table string) {
	t.Helper()
	killWaiting(t, "TestCopyUntilKilled", killedFrom+"="+from, killedInto+"="+into, killedTable+"="+table)
	ended(t, into)
	ended(t, from)
}

// killWaiting has a process run a test with further variables, and kills it when it says that it waits.
func killWaiting(t *testing.T, test string, variables ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$", "-test.v")
	process.Env = append(os.Environ(), variables...)
	in, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	waits, said := false, ""
	for lines := bufio.NewScanner(out); !waits && lines.Scan(); said += lines.Text() + "\n" {
		waits = strings.Contains(lines.Text(), "here it waits")
	}
	if err := process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = process.Wait() // it was killed
	if !waits {
		t.Fatalf("%s did not come to where it waits:\n%s", test, said)
	}
}

// ended returns when a server has noticed that its client is no more, which takes it a moment.
func ended(t *testing.T, database string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		s, err := store.OpenTarget(ctx, database, filepath.Dir(private(t)))
		if err == nil {
			s.Close()
			return
		}
		if !errors.Is(err, store.ErrServing) {
			t.Fatal(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// empty checks that a database has nothing in it.
func empty(t *testing.T, database string) {
	t.Helper()
	s := open(t, database)
	defer s.Close()
	for _, table := range store.CopiedTables {
		if n, err := s.Count(t.Context(), table); err != nil || n != 0 {
			t.Errorf("table %s has %d rows, %v", table, n, err)
		}
	}
	if generation, err := s.KeyGeneration(t.Context()); err != nil || generation != 0 {
		t.Errorf("the generation is %d, %v", generation, err)
	}
}

// TestCopyToAFullDisk fails with advice, leaves the target empty, and goes well when there is room.
func TestCopyToAFullDisk(t *testing.T) {
	from := source(t, furnished(t, postgres.NewDatabase(t)))
	dir := smallDisk(t)
	to := target(t, filepath.Join(dir, "sealmilter.db"))
	ballast := fill(t, dir)
	err := from.CopyTo(t.Context(), to, func(store.Copied) {})
	if err == nil || !strings.Contains(err.Error(), "check the disk and its free space") {
		t.Errorf("on a full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := from.CopyTo(t.Context(), to, func(store.Copied) {}); err != nil {
		t.Fatal(err)
	}
	wantFurnished(t, to)
	wantFurnished(t, from)
}
