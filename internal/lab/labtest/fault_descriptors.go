package labtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Descriptors limits the file descriptors of a running program to those that it has open: it can open no other, until the
// returned function is called.
func Descriptors(t testing.TB, pid int) (lift func()) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	// The kernel gives the lowest number that is free.
	free := 0
	for range open {
		if _, err := os.Lstat(filepath.Join(folder, strconv.Itoa(free))); err != nil {
			break
		}
		free++
	}
	limit := func(most int) {
		t.Helper()
		out, err := exec.Command("prlimit", "--pid", strconv.Itoa(pid), fmt.Sprintf("--nofile=%d:", most)).CombinedOutput()
		if err != nil {
			t.Fatalf("prlimit: %v\n%s", err, out)
		}
	}
	limit(free)
	return func() { limit(1024) }
}
