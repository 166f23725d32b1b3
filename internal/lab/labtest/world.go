package labtest

import (
	"context"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// Patience is how long a test may take that starts servers: on a busy machine, and with packages to be fetched. It only
// ends what would hang.
const Patience = 5 * time.Minute

// Build compiles the program for one test. Flags are those of go build, such as "-race".
func Build(t testing.TB, flags ...string) string {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", flags...)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Serve starts the milter of a world with a fresh state and configuration lines, as [scenario.World.Serve] does. It is
// killed when the test ends, at the latest.
func Serve(ctx context.Context, t testing.TB, w *scenario.World, name, config string) *lab.Process {
	t.Helper()
	milter, err := w.Serve(ctx, name, config)
	return tend(t, milter, err)
}

// ServeAgain does the same with the state as the last run of that name has left it.
func ServeAgain(ctx context.Context, t testing.TB, w *scenario.World, name, config string) *lab.Process {
	t.Helper()
	milter, err := w.ServeAgain(ctx, name, config)
	return tend(t, milter, err)
}

func tend(t testing.TB, milter *lab.Process, err error) *lab.Process {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(milter.Log())
		}
		if err := milter.Kill(); err != nil {
			t.Error(err)
		}
	})
	return milter
}

// CloseAfter closes something when the test ends, which must succeed.
func CloseAfter(t testing.TB, close func() error) {
	t.Cleanup(func() {
		if err := close(); err != nil {
			t.Error(err)
		}
	})
}

// Reserve returns an address that nobody else gets until the test ends.
func Reserve(t testing.TB) string {
	t.Helper()
	port, err := lab.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, port.Close)
	return port.Addr
}
