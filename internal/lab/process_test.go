package lab_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func start(t *testing.T, script string) *lab.Process {
	t.Helper()
	process, err := lab.StartProcess(exec.Command("/bin/sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Kill() })
	return process
}

func TestProcessStops(t *testing.T) {
	process := start(t, `trap 'echo bye; exit 3' TERM; sleep 1000 & echo ready >&2; wait`)
	if err := process.WaitLog(bounded(t), "ready"); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := process.Wait(bounded(t)); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("it ended with: %v", err)
	}
	if process.Log() != "ready\nbye\n" {
		t.Errorf("it printed %q", process.Log())
	}
	if err := process.Stop(bounded(t)); err != nil {
		t.Errorf("stopping it again: %v", err)
	}
}

// A program that does not listen to SIGTERM is killed, and its children with it.
func TestProcessIsKilled(t *testing.T) {
	process := start(t, `trap '' TERM; sleep 1000 & echo child $!; wait`)
	if err := process.WaitLog(bounded(t), "child "); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := process.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop says: %v", err)
	}
	// The kernel takes its time with what has been killed.
	child := strings.Fields(process.Log())[1]
	for ctx := bounded(t); ; {
		out, err := exec.Command("ps", "-o", "stat=", "-p", child).Output()
		if err != nil || strings.HasPrefix(string(out), "Z") {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the child %s is still there: %s", child, out)
		}
	}
}

func TestProcessEndsEarly(t *testing.T) {
	process := start(t, `echo cannot start >&2; exit 1`)
	if err := process.WaitListen(bounded(t), "tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "cannot start") {
		t.Errorf("WaitListen says: %v", err)
	}
	if err := process.WaitLog(bounded(t), "ready"); err == nil || !strings.Contains(err.Error(), "cannot start") {
		t.Errorf("WaitLog says: %v", err)
	}
	if err := process.Signal(syscall.SIGHUP); err == nil {
		t.Error("a signal to an ended program is no error")
	}
	if _, err := lab.StartProcess(exec.Command("/nonexistent")); err == nil {
		t.Error("a program that is not there starts")
	}
}

// What Build makes is a program that StartProcess can run and WaitListen finds.
func TestBuild(t *testing.T) {
	program, err := lab.Build(bounded(t), t.TempDir(), "sealmilter/internal/lab/testdata/listener")
	if err != nil {
		t.Fatal(err)
	}
	addr := labtest.Reserve(t)
	process, err := lab.StartProcess(exec.Command(program, addr))
	if err != nil {
		t.Fatal(err)
	}
	if err := process.WaitListen(bounded(t), "tcp", addr); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(bounded(t)); err != nil {
		t.Error(err)
	}
	if _, err := lab.Build(bounded(t), t.TempDir(), "sealmilter/nothing"); err == nil || !strings.Contains(err.Error(), "sealmilter/nothing") {
		t.Errorf("building nothing says: %v", err)
	}
}

// A reserved port is given to nobody by chance, and to whoever names it.
func TestPortIsReserved(t *testing.T) {
	addr := labtest.Reserve(t)
	for range 2 { // also after the listener was restarted
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Listen("tcp", addr); err == nil {
			conn.Close()
			t.Error("two listeners share it")
		}
		listener.Close()
	}
}
