package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// program seals by starting a process for each copy.
type program struct {
	name, version string
	// command seals its standard input for a recipient, and writes the copy on its standard output.
	command func(ctx context.Context, l *letter, recipient int) *exec.Cmd
	// agent is a process that works for all of them, 0 if there is none.
	agent int
}

// ringed is how many recipients are in the key ring of a program. The more keys there are, the longer some of them read.
const ringed = 10

func (p *program) series() string { return p.name }

func (p *program) most(octets int) int {
	switch {
	case octets >= largeMessages:
		return 1
	case octets >= 100<<10:
		return 4
	default:
		return ringed
	}
}

func (p *program) seal(ctx context.Context, l *letter, recipients, times int) (u usage, err error) {
	start := time.Now()
	before, err := p.agentCPU()
	if err != nil {
		return u, err
	}
	for i := range recipients * times {
		state, err := p.one(p.command(ctx, l, i%ringed), l)
		if err != nil {
			return u, err
		}
		u.cpu += state.UserTime() + state.SystemTime()
	}
	after, err := p.agentCPU()
	u.cpu, u.wall = u.cpu+after-before, time.Since(start)
	return u, err
}

// one runs a command to its end. What it writes is thrown away by the system.
func (p *program) one(cmd *exec.Cmd, l *letter) (*os.ProcessState, error) {
	in, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", p.name, err, stderr.String())
	}
	return cmd.ProcessState, nil
}

func (p *program) agentCPU() (time.Duration, error) {
	if p.agent == 0 {
		return 0, nil
	}
	return processCPU(p.agent)
}

// check has a program seal once: what it makes must be an OpenPGP message.
func (p *program) check(ctx context.Context, l *letter) error {
	cmd := p.command(ctx, l, 0)
	var out bytes.Buffer
	cmd.Stdout = &out
	if _, err := p.one(cmd, l); err != nil {
		return err
	}
	if !bytes.HasPrefix(out.Bytes(), []byte("-----BEGIN PGP MESSAGE-----")) || out.Len() < len(l.raw) {
		return fmt.Errorf("%s has not made an OpenPGP message of %d octets, but %.60q", p.name, len(l.raw), out.Bytes())
	}
	return nil
}

// firstLine is the name and version of a program, as most print them first.
func firstLine(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", cmd.Path, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}
