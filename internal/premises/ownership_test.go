package premises

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFilesOfRootAreGivenBack needs root, as everything does that starts a Postfix.
func TestFilesOfRootAreGivenBack(t *testing.T) {
	const somebody = 4321
	dir := t.TempDir()
	state, outside := filepath.Join(dir, "state"), filepath.Join(dir, "outside")
	for _, folder := range []string{state, filepath.Join(state, "secret")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{outside, filepath.Join(dir, "linked"), filepath.Join(state, "secret", "alice.pgp"), filepath.Join(state, "sealmilter.db")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(state, "symlink")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "linked"), filepath.Join(state, "link")); err != nil {
		t.Fatal(err)
	}
	owner := func(path string) uint32 {
		t.Helper()
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	if err := GiveBack(state); err != nil || owner(filepath.Join(state, "secret")) != 0 {
		t.Errorf("root's own directory: %v", err)
	}
	if err := os.Chown(state, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	if err := GiveBack(state); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{
		outside: 0, filepath.Join(dir, "linked"): 0, filepath.Join(state, "symlink"): 0,
		filepath.Join(state, "secret"): somebody, filepath.Join(state, "secret", "alice.pgp"): somebody, filepath.Join(state, "sealmilter.db"): somebody,
	} {
		if got := owner(path); got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
	if err := GiveBack(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a directory that is missing: %v", err)
	}
}

// TestStateOfRoot tells a state directory that root's commands have made from folders that are none.
func TestStateOfRoot(t *testing.T) {
	for name, test := range map[string]struct {
		make string // by a shell, in a folder whose "state" is looked at
		want bool
	}{
		"missing":        {make: "true"},
		"empty":          {make: "mkdir -m 700 state", want: true},
		"in use":         {make: "mkdir -m 700 state state/secret; touch state/sealmilter.db state/sealmilter.db-wal", want: true},
		"log hidden":     {make: "mkdir -m 700 state; touch state/sealmilter.db state/log.secret", want: true},
		"readable":       {make: "mkdir -m 755 state"},
		"somebody's":     {make: "mkdir -m 700 state; chown 4321 state"},
		"something else": {make: "mkdir -m 700 state; touch state/sealmilter.db state/shadow"},
		"a link":         {make: "mkdir -m 700 other; ln -s other state"},
		"a file":         {make: "touch state; chmod 700 state"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command("sh", "-c", test.make)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got, err := IsStateOfRoot(filepath.Join(dir, "state")); err != nil || got != test.want {
				t.Errorf("it is %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

// TestHandOver gives a directory away and takes it back.
func TestHandOver(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(state, "sealmilter.db")
	if err := errors.Join(os.Mkdir(state, 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	daemon := Owner{4321, 4322}
	for _, step := range []struct {
		from int
		to   Owner
	}{{0, daemon}, {daemon.UID, Owner{}}} {
		if err := HandOver(state, step.from, step.to); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{state, file} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := OwnerOf(info); got != step.to {
				t.Errorf("%s belongs to %v, want %v", path, got, step.to)
			}
		}
	}
}
