package pages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"sealmilter/internal/lab"
)

// Shell is a shell of root's on a host, in which one command follows the other: folders, variables and functions stay.
// It is for one goroutine.
type Shell struct {
	host  *lab.Host
	typed int
	in    io.WriteCloser
	out   *bufio.Reader
	wait  func() error
}

// mark stands in the line that ends the output of a command.
const mark = "@@ the command has ended with "

// NewShell starts a shell on a host, in folder. The caller closes it. It ends with ctx, too.
func NewShell(ctx context.Context, host *lab.Host, folder string) (*Shell, error) {
	cmd := host.Command(ctx, "bash", "--noprofile", "--norc")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	cmd.Stderr = cmd.Stdout
	// What the shell has started may hold the pipe open longer than the shell lives.
	context.AfterFunc(ctx, func() { out.Close() })
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	s := &Shell{host: host, in: in, out: bufio.NewReader(out), wait: cmd.Wait}
	if output, status, err := s.Run("cd '" + folder + "'"); err != nil || status != 0 {
		return nil, errors.Join(fmt.Errorf("start a shell in %s: %w: %s", folder, err, output), s.Close())
	}
	return s, nil
}

// Run runs a command, with nothing to read, and returns what it has printed, errors included, and its exit status.
func (s *Shell) Run(command string) (output string, status int, err error) {
	s.typed++
	file := fmt.Sprintf("/run/command-%d", s.typed)
	if err := os.WriteFile(s.host.Path(file), []byte(command+"\n"), 0o600); err != nil {
		return "", 0, fmt.Errorf("run a command: %w", err)
	}
	if _, err := fmt.Fprintf(s.in, ". %s </dev/null 2>&1; printf '\\n%s%%d\\n' $?\n", file, mark); err != nil {
		return "", 0, fmt.Errorf("run a command: %w", err)
	}
	var all strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return all.String() + line, 0, fmt.Errorf("the shell has ended: %w", err)
		}
		if text, ended := strings.CutPrefix(line, mark); ended {
			status, err := strconv.Atoi(strings.TrimSpace(text))
			return strings.TrimSuffix(all.String(), "\n"), status, err
		}
		all.WriteString(line)
	}
}

// Close ends the shell. What it has left in the background goes on.
func (s *Shell) Close() error {
	return errors.Join(s.in.Close(), s.wait())
}
