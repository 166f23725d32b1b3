package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Process is a program started by the lab, with the processes that it starts in turn. They form a session of their
// own and are killed when the program ends, or when the process that called [StartProcess] does. Its methods are
// safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	log  *os.File // without a name, so it goes with the last one who has it open
	done chan struct{}
	err  error // of cmd.Wait, set before done is closed
}

// StartProcess starts cmd and keeps what it prints. The caller leaves Stdout and Stderr unset, and Setsid and Pdeathsig
// of SysProcAttr.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	log, err := os.CreateTemp("", "sealmilter-log-")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := os.Remove(log.Name()); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, log: log, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL

	started := make(chan error)
	go func() {
		// Linux sends Pdeathsig when the thread that forked ends, so this one has to live as long as the program.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually there is nobody left
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Log returns all that the program has printed so far, errors and output together.
func (p *Process) Log() string {
	text, _ := io.ReadAll(io.NewSectionReader(p.log, 0, math.MaxInt64)) // a file in use by us can be read
	return string(text)
}

// WaitLog waits until the program has printed text.
func (p *Process) WaitLog(ctx context.Context, text string) error {
	return p.waitText(ctx, text, p.Log)
}

// WaitLogTimes waits until the program has printed text so many times.
func (p *Process) WaitLogTimes(ctx context.Context, text string, times int) error {
	err := until(ctx, p.done, func() (bool, error) { return strings.Count(p.Log(), text) >= times, nil })
	if err != nil {
		return fmt.Errorf("wait until %s prints %q %d times: %w%s", p.cmd.Path, text, times, err, quoteLog(p.Log()))
	}
	return nil
}

// waitText does the same for what the program tells elsewhere, too.
func (p *Process) waitText(ctx context.Context, text string, log func() string) error {
	err := until(ctx, p.done, func() (bool, error) { return strings.Contains(log(), text), nil })
	if err != nil {
		return fmt.Errorf("wait until %s prints %q: %w%s", p.cmd.Path, text, err, quoteLog(log()))
	}
	return nil
}

// WaitListen waits until the program accepts connections at a "tcp" or "unix" address.
func (p *Process) WaitListen(ctx context.Context, network, address string) error {
	err := until(ctx, p.done, func() (bool, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
	if err != nil {
		return fmt.Errorf("wait until %s listens on %s: %w%s", p.cmd.Path, address, err, quoteLog(p.Log()))
	}
	return nil
}

// PID returns the number of the program's process, which may be another's once the program has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the program itself, not to those it started.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Wait waits until the program has ended and returns how, as [exec.Cmd.Wait] does.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of %s: %w", p.cmd.Path, ctx.Err())
	}
}

// Stop asks the program to end (SIGTERM) and waits for it. When ctx ends first, the program is killed and the error
// says so. How it ended is no error, nor that it had ended before.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop %s: %w", p.cmd.Path, ctx.Err()), p.Kill())
	}
}

// Kill ends the program at once (SIGKILL) and waits for its end.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.done
	return nil
}
