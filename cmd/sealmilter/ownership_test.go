package main

import (
	"os"
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
	if err := giveBack(state); err != nil || owner(filepath.Join(state, "secret")) != 0 {
		t.Errorf("root's own directory: %v", err)
	}
	if err := os.Chown(state, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	if err := giveBack(state); err != nil {
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
	if err := giveBack(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a directory that is missing: %v", err)
	}
}
