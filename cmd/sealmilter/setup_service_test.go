package main

import (
	"context"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
)

// TestSetupKeepsTheOwnerOfState has a setup fail after the daemon has made files. Without their user they would belong to
// whichever system user is made next.
func TestSetupKeepsTheOwnerOfState(t *testing.T) {
	if _, err := user.Lookup(premises.ServiceUser); err == nil {
		t.Skip("sealmilter is installed on this host")
	}
	for _, used := range []bool{false, true} {
		var ran, said strings.Builder
		s := &setup{
			config: &config.Config{State: filepath.Join(t.TempDir(), "state")},
			steps:  &setupSteps{out: io.Writer(&said)},
			run: func(_ context.Context, name string, _ ...string) ([]byte, error) {
				ran.WriteString(name + " ")
				return nil, nil
			},
		}
		if err := s.makeUser(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.makeFolder(folder{path: s.config.State, mode: 0o700}); err != nil {
			t.Fatal(err)
		}
		if used {
			if err := os.WriteFile(filepath.Join(s.config.State, "sealmilter.db"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.steps.takeBack(); err != nil {
			t.Fatal(err)
		}
		if deleted := slices.Contains(strings.Fields(ran.String()), "userdel"); deleted == used || premises.Exists(s.config.State) != used {
			t.Errorf("used %v: it ran %s; the folder is there: %v", used, ran.String(), premises.Exists(s.config.State))
		}
		for _, kept := range []string{s.config.State + ", which is not empty", "the user sealmilter, who owns " + s.config.State} {
			if strings.Contains(said.String(), kept) != used {
				t.Errorf("used %v: it says\n%s", used, said.String())
			}
		}
	}
}
