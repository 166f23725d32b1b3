package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ErrNoGnuPG says that the program gpg is not there.
var ErrNoGnuPG = errors.New(`gpg is not installed here: install GnuPG, or run "gpg --export" and "gpg --export-secret-keys" ` +
	`where it is, each with "| sealmilter keys import -"`)

// GnuPGOptions say how [GnuPG] reads a home.
type GnuPGOptions struct {
	// Passphrase unlocks the secret keys, which have to be written anew for the export, under the same passphrase. If
	// it is nil, gpg-agent does what it does for its user: it knows the passphrase, or asks for it on a terminal.
	Passphrase []byte
	// Program is the path of gpg; "" finds it.
	Program string
}

// GnuPG returns all certificates and then all secret keys of a home of GnuPG, such as "/home/alice/.gnupg", in the
// form that [Senders.Import] reads. An empty home means that of this process's user. The programs of GnuPG run while
// the caller reads, who must close the reader. A gpg-agent that this has started ends then, so that it stands in
// nobody's way; another one goes on.
//
// Errors wrap [ErrNoGnuPG] if there is no gpg. A key that gpg leaves out, such as one that the passphrase does not
// unlock, costs none of the others: what gpg complains of is the error of Close. Read fails where gpg did not come to
// its end, since the last key may then lack a revocation.
func GnuPG(ctx context.Context, home string, o GnuPGOptions) (io.ReadCloser, error) {
	if o.Program == "" {
		path, err := exec.LookPath("gpg")
		if err != nil {
			return nil, ErrNoGnuPG
		}
		o.Program = path
	}
	if bytes.ContainsAny(o.Passphrase, "\r\n\x00") {
		return nil, errors.New("read the GnuPG home: a passphrase of more than one line cannot be given to gpg")
	}
	var arguments []string
	if home != "" {
		// gpg would make a home that is missing.
		switch info, err := os.Stat(home); {
		case err != nil:
			return nil, fmt.Errorf("read the GnuPG home: %w", err)
		case !info.IsDir():
			return nil, fmt.Errorf("read the GnuPG home: %s is not a folder", home)
		}
		arguments = []string{"--homedir", home}
	}
	g := &gnupgExport{ctx: ctx, options: o, home: arguments, steps: []string{"--export", "--export-secret-keys"}}
	g.agent = g.findAgent()
	return g, nil
}

// gnupgExport runs gpg once for each step, one after the other.
type gnupgExport struct {
	ctx     context.Context
	options GnuPGOptions
	home    []string // arguments
	steps   []string // that have not begun
	agent   gnupgAgent

	running *exec.Cmd // nil between the steps
	out     io.ReadCloser
	stderr  bytes.Buffer
	// complaints are those of steps that came to their end; err is why one did not.
	complaints, err error
}

// Read reads from the step that runs.
func (g *gnupgExport) Read(p []byte) (int, error) {
	for {
		if g.running == nil {
			if len(g.steps) == 0 {
				return 0, joinEOF(g.err)
			}
			step := g.steps[0]
			g.steps = g.steps[1:]
			if err := g.start(step); err != nil {
				g.steps, g.err = nil, err
				continue
			}
		}
		n, err := g.out.Read(p)
		if n > 0 || err == nil {
			return n, nil
		}
		g.wait()
		if g.err != nil {
			return 0, g.err
		}
	}
}

// joinEOF returns io.EOF for no error.
func joinEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func (g *gnupgExport) start(step string) error {
	arguments := append([]string{"--batch", "--no-tty", "--no-armor"}, g.home...)
	var passphrase *os.File
	if g.options.Passphrase != nil {
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		defer read.Close()
		passphrase = write
		arguments = append(arguments, "--pinentry-mode", "loopback", "--passphrase-fd", "3")
		g.running = exec.CommandContext(g.ctx, g.options.Program, append(arguments, step)...)
		g.running.ExtraFiles = []*os.File{read}
	} else {
		g.running = exec.CommandContext(g.ctx, g.options.Program, append(arguments, step)...)
	}
	g.stderr.Reset()
	g.running.Env, g.running.Stderr = append(os.Environ(), "LC_ALL=C"), &g.stderr
	var err error
	if g.out, err = g.running.StdoutPipe(); err == nil {
		err = g.running.Start()
	}
	if passphrase != nil {
		// A pipe takes more than any passphrase without waiting for its reader.
		_, writeErr := passphrase.Write(append(bytes.Clone(g.options.Passphrase), '\n'))
		err = errors.Join(err, writeErr, passphrase.Close())
	}
	if err != nil {
		g.running = nil
		return fmt.Errorf("run gpg %s: %w", step, err)
	}
	return nil
}

// wait ends a step.
func (g *gnupgExport) wait() {
	step := g.running.Args[len(g.running.Args)-1]
	err := g.running.Wait()
	if err != nil {
		err = fmt.Errorf("gpg %s: %w: %s", step, err, lastLines(g.stderr.String()))
	}
	if err == nil || g.running.ProcessState.Exited() {
		g.complaints = errors.Join(g.complaints, err)
	} else {
		g.steps, g.err = nil, err
	}
	g.running = nil
}

// lastLines returns what gpg said at last, in one line.
func lastLines(text string) string {
	const most = 4
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "; ")
}

// Close ends gpg if it still runs. Its error is what gpg complained of.
func (g *gnupgExport) Close() error {
	g.steps = nil
	if g.running != nil {
		g.running.Process.Kill() // it may have ended by itself
		g.running.Wait()
		g.running = nil
	}
	return errors.Join(g.complaints, g.agent.end())
}
