package labtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// Stock is what the tests of a package share: the program, built once, and the keys of everybody in the cases, made once.
// Each is made when the first test asks for it. The zero Stock is ready for use; it is safe for concurrent use.
type Stock struct {
	mu       sync.Mutex
	dir      string
	programs map[string]string // by the flags of go build
	people   *scenario.People
}

// Run runs the tests, removes the stock, and returns the exit status. TestMain calls it.
func (s *Stock) Run(m *testing.M) int {
	status := m.Run()
	var ended error
	if s.people != nil {
		ended = s.people.Close()
	}
	if err := errors.Join(ended, os.RemoveAll(s.dir)); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return max(status, 1)
	}
	return status
}

// Build compiles the program. Flags are those of go build, such as "-race".
func (s *Stock) Build(t testing.TB, flags ...string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := strings.Join(flags, " ")
	if program, built := s.programs[kind]; built {
		return program
	}
	if s.programs == nil {
		s.programs = map[string]string{}
	}
	program, err := s.build(t.Context(), kind, flags)
	if err != nil {
		t.Fatal(err)
	}
	s.programs[kind] = program
	return program
}

func (s *Stock) build(ctx context.Context, kind string, flags []string) (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "sealmilter-stock-")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	dir := filepath.Join(s.dir, "program"+kind)
	// Postfix runs the program as another user.
	if err := errors.Join(os.Chmod(s.dir, 0o755), os.Mkdir(dir, 0o755)); err != nil {
		return "", err
	}
	return lab.Build(ctx, dir, "sealmilter/cmd/sealmilter", flags...)
}

// NewWorld makes what the cases need beside an MTA, as [scenario.NewWorld] does, around a program of the stock. It goes with
// the test.
func (s *Stock) NewWorld(ctx context.Context, t testing.TB, program string, sevenBit bool) *scenario.World {
	t.Helper()
	people, err := s.keys(ctx, t, program)
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.NewWorld(program, people, sevenBit)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, w.Close)
	return w
}

// keys returns everybody's keys. Whether the race detector watches the program makes no difference to them.
func (s *Stock) keys(ctx context.Context, t testing.TB, program string) (*scenario.People, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.people != nil {
		return s.people, nil
	}
	var err error
	s.people, err = scenario.MakePeople(ctx, program, t.Output())
	return s.people, err
}
