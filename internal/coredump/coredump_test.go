package coredump_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/coredump"
)

// child is set in the environment of a process that this test has started: what it does before it kills itself.
const child = "SEALMILTER_COREDUMP_CHILD"

func TestMain(m *testing.M) {
	if doing := os.Getenv(child); doing != "" {
		if err := play(doing); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func play(doing string) error {
	if doing != "nothing" {
		if err := coredump.Forbid(); err != nil {
			return err
		}
	}
	dumpable, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	if errno != 0 {
		return errno
	}
	fmt.Println("dumpable:", dumpable)
	// What the program reads of itself.
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/limits"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Printf("%s", text)
	}
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		return err
	}
	if doing == "read" {
		os.Exit(0)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGSEGV)
}

// start runs this test's program in a folder of its own, without a limit for core dumps.
func start(t *testing.T, doing string) (out string, cores []string, err error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited && exec "$0"`, program)
	// The runtime would catch the signal; with "crash" it makes the core dump that it is asked for.
	cmd.Env, cmd.Dir = append(os.Environ(), child+"="+doing, "GOTRACEBACK=crash"), dir
	text, err := cmd.CombinedOutput()
	cores, globErr := filepath.Glob(filepath.Join(dir, "*core*"))
	if globErr != nil {
		t.Fatal(globErr)
	}
	return string(text), cores, err
}

func TestNoCoreDump(t *testing.T) {
	out, cores, err := start(t, "forbid")
	if err == nil || !strings.Contains(out, "SIGSEGV") {
		t.Errorf("the process should have been killed: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).MatchString(out) {
		t.Errorf("its limits were\n%s", out)
	}
	if !strings.Contains(out, "dumpable: 0\n") {
		t.Errorf("it was dumpable\n%s", out)
	}
	if len(cores) != 0 {
		t.Errorf("it left %q", cores)
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "/|") {
		t.Logf("core dumps of this host go elsewhere (%q, %v), so it cannot be told whether one would have been left", pattern, err)
		return
	}
	if out, cores, err := start(t, "nothing"); len(cores) == 0 {
		t.Logf("this host leaves no core dump of any process (%v)\n%.500s", err, out)
	}
}

// TestOwnFilesStayReadable is about a process that is not root's.
func TestOwnFilesStayReadable(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	// The other user has to reach it.
	file, err := os.CreateTemp("/tmp", "coredump-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Chmod(0o755), file.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file.Name())
	cmd.Env, cmd.Dir = append(os.Environ(), child+"=read"), "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "local_address") {
		t.Errorf("%v\n%s", err, out)
	}
}
