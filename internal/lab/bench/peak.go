package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// errand is what a process of its own does once, so that one can see how much memory it takes: it seals a message, as often
// as there are sessions, all at the same time, or runs a command.
type errand struct {
	People                       string `json:",omitempty"` // the folder
	Series                       string `json:",omitempty"`
	Octets, Recipients, Sessions int    `json:",omitempty"`

	Command, Environment []string `json:",omitempty"`
	Input                string   `json:",omitempty"` // the path of the command's standard input
}

// peak has a process do an errand, and returns the most memory that it, or its command, has had.
func (r *run) peak(ctx context.Context, e errand) (octets uint64, err error) {
	in, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, r.Helper[0], r.Helper[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &octets)
	}
	if err != nil {
		return 0, fmt.Errorf("measure the memory of %s: %w\n%s", e.Series, err, stderr.String())
	}
	return octets, nil
}

// Help does what the process that calls [Run] asks for on standard input: it is to call this in a process of its own,
// see [Config].
func Help(ctx context.Context, in io.Reader, out io.Writer) error {
	var e errand
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return err
	}
	run := e.seal
	if e.Command != nil {
		run = e.command
	}
	octets, err := run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(octets)
}

// command runs the command. The system counts as a command's memory what the process had that it was forked from, so that
// has to be a small one.
func (e errand) command(ctx context.Context) (uint64, error) {
	in, err := os.Open(e.Input)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	cmd := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...)
	cmd.Stdin, cmd.Stderr, cmd.Env = in, os.Stderr, e.Environment
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	return uint64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) << 10, nil
}

// seal seals in this process.
func (e errand) seal(context.Context) (uint64, error) {
	p, err := readPeople(e.People, "")
	if err != nil {
		return 0, err
	}
	l := newLetter(e.Octets)
	var group errgroup.Group
	for range max(e.Sessions, 1) {
		own, err := newInsider(p, e.Series)
		if err != nil {
			return 0, err
		}
		group.Go(func() error { return own.sealOnce(l, e.Recipients) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return ownPeak()
}
