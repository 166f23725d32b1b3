package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Limits are what one process may use.
type Limits struct {
	// CPU is time of processors.
	CPU time.Duration
	// Memory is in octets.
	Memory int64
}

// DefaultLimits are far above what an honest file needs.
var DefaultLimits = Limits{CPU: 10 * time.Second, Memory: 512 << 20}

// patience is how many times longer than its processor time a process may take, on a machine that has other work.
const patience = 6

// lookEvery is how often the memory of a process is looked at.
const lookEvery = 20 * time.Millisecond

var (
	errTooLong = errors.New("it took too long")
	errTooMuch = errors.New("it took too much memory")
)

// output runs a command within limits, and returns what it printed.
func (l Limits) output(ctx context.Context, command []string) ([]byte, error) {
	limited, cancel := context.WithTimeoutCause(ctx, patience*l.CPU, errTooLong)
	defer cancel()
	limited, stop := context.WithCancelCause(limited)
	defer stop(nil)
	cmd := exec.CommandContext(limited, command[0], command[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watch(limited, cmd.Process.Pid, stop)
	}()
	err := cmd.Wait()
	cause := context.Cause(limited)
	stop(nil)
	<-watched
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(cause, errTooLong) || errors.Is(cause, errTooMuch):
		return nil, cause
	case err != nil:
		return nil, fmt.Errorf("%w: %.2000s", err, stderr.String())
	case cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime() > l.CPU:
		return nil, errTooLong
	}
	return stdout.Bytes(), nil
}

// watch ends a process that has too much memory.
func (l Limits) watch(ctx context.Context, pid int, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if mostMemory(pid) > l.Memory {
				stop(errTooMuch)
				return
			}
		}
	}
}

// mostMemory returns the most octets that a process ever had in memory, 0 if it has ended (proc_pid_status(5)).
func mostMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(status), "\nVmHWM:")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10
}
