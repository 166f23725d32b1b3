package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestServeLeavesNoCoreDump kills the daemon of an administrator who wants core dumps.
func TestServeLeavesNoCoreDump(t *testing.T) {
	program, dir := shared.Build(t), t.TempDir()
	config := fmt.Sprintf("listen = \"inet:%s\"\nreinject = %q\nadmin = \"\"\nstate = %q\nkeys.sources = [\"local\"]\n",
		labtest.Reserve(t), labtest.Reserve(t), filepath.Join(dir, "state"))
	file := filepath.Join(dir, "sealmilter.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited && exec "$0" serve -c "$1"`, program, file)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOTRACEBACK=crash")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test has failed
	log := bufio.NewReader(stderr)
	for line := ""; !strings.Contains(line, "msg=serving"); {
		if line, err = log.ReadString('\n'); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
		t.Errorf("%v\n%s", err, limits)
	}
	if err := cmd.Process.Signal(syscall.SIGTRAP); err != nil {
		t.Fatal(err)
	}
	trace, err := io.ReadAll(log)
	if err != nil || !strings.Contains(string(trace), "SIGTRAP") {
		t.Errorf("the daemon did not crash: %v\n%s", err, trace)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the daemon ended in peace")
	}
	if cores, err := filepath.Glob(filepath.Join(dir, "*core*")); err != nil || len(cores) > 0 {
		t.Errorf("it left %q, %v", cores, err)
	}
}
