package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// MTA is a running mail server that asks the milter at World.Listen and sends what it queues to World.Sink. The cases
// call it by a name in lower case, such as "postfix" or "sendmail".
type MTA interface {
	// SubmissionAddr is where clients log in and submit.
	SubmissionAddr() string
	// Sendmail submits a message on the server itself, with the command sendmail(1).
	Sendmail(ctx context.Context, message []byte, args ...string) error
	// WaitEmpty waits until nothing is left in the queue.
	WaitEmpty(ctx context.Context) error
	// Log is what the server has logged.
	Log() string
}

// World is what the cases need beside an MTA: the program, everybody's keys, the mailboxes and the password server.
type World struct {
	// Listen is the milter's address and Reinject that of the MTA's loopback listener, as reserved ports.
	Listen, Reinject string
	// Sink is the next hop of the MTA.
	Sink *lab.Sink
	// Auth is the password server of the MTA.
	Auth *lab.Auth

	directory directory
	refusals  refusals
	sevenBit  bool

	ports   lab.Ports
	dir     string // holds the configurations and "state", the state directory that each case gets a copy of
	program string
	gpg     *lab.GPG
	prints  map[string]string // fingerprints by address
	close   []func() error
}

// NewWorld builds a world around a program built from cmd/sealmilter and keys that it can read. The next hop announces
// 8BITMIME unless sevenBit. The caller closes it.
func NewWorld(program string, people *People, sevenBit bool) (*World, error) {
	w := &World{program: program, sevenBit: sevenBit, prints: people.prints}
	err := w.build(people.gpg.Copy)
	if err == nil {
		err = errors.Join(people.writeTo(w.dir), w.writeSMIME())
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for addr, cert := range people.published {
		local, domain, _ := strings.Cut(addr, "@")
		w.directory.keys.Publish(domain, local, cert)
	}
	return w, nil
}

// build makes all but what depends on who has keys. The key ring of the mailboxes comes from newRing.
func (w *World) build(newRing func() (*lab.GPG, error)) (err error) {
	w.close = append(w.close, w.ports.Close)
	if err := w.ports.Reserve(&w.Listen, &w.Reinject); err != nil {
		return err
	}
	if w.dir, err = os.MkdirTemp("/tmp", "sealmilter-world-"); err != nil {
		return err
	}
	w.close = append(w.close, func() error { return os.RemoveAll(w.dir) })
	if w.Sink, err = lab.StartSink(lab.SinkConfig{SevenBit: w.sevenBit}); err != nil {
		return err
	}
	w.close = append(w.close, w.Sink.Close)
	passwords := map[string]string{}
	for _, login := range logins {
		passwords[login] = login
	}
	if w.Auth, err = lab.StartAuth(passwords); err != nil {
		return err
	}
	w.close = append(w.close, w.Auth.Close)
	if w.gpg, err = newRing(); err != nil {
		return err
	}
	w.close = append(w.close, w.gpg.Close)
	return w.startDirectory()
}

// execute runs a command of the program and returns what it prints. The error of a command that fails has what it says.
func execute(ctx context.Context, program, config string, stdin []byte, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, append(args, "-c", config)...)
	cmd.Env = environment(config)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sealmilter %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}

// writeConfig writes a configuration file. Unless the lines of a case say otherwise, nobody outside is asked for keys.
// They come last, so they may begin a table.
func (w *World) writeConfig(name, state, lines string) (string, error) {
	const text = `listen = "inet:%s"
reinject = "%s"
mta_users = ["root", "postfix", "news"]
state = "%s"
admin = ""
%s%s
[senders.logins]
alice = ["alice@example.org", "alice@bücher.example"]
eve = ["eve@example.org"]
nokey = ["nokey@example.org"]
www-data = ["alice@example.org"]
`
	settings := w.directory.settings()
	if !strings.Contains(lines, "keys.sources") {
		settings += "keys.sources = [\"local\"]\n"
	}
	submitter, err := lab.SendmailAccount()
	if err != nil {
		return "", err
	}
	// A table that is opened by its name takes no further keys from elsewhere.
	if table := "[senders]\n"; strings.Contains(lines, table) {
		lines = strings.Replace(lines, table, table+fmt.Sprintf("submitter = %q\n", submitter), 1)
	} else {
		settings += fmt.Sprintf("senders.submitter = %q\n", submitter)
	}
	file := filepath.Join(w.dir, name+".toml")
	return file, os.WriteFile(file, fmt.Appendf(nil, text, w.Listen, w.Reinject, state, settings, lines), 0o600)
}

// Serve starts the milter with a fresh copy of the state and the configuration lines of a case, and returns when it
// listens.
func (w *World) Serve(ctx context.Context, name, config string) (*lab.Process, error) {
	state := filepath.Join(w.dir, name)
	if err := os.RemoveAll(state); err != nil {
		return nil, err
	}
	if err := lab.CopyPrivate(state, filepath.Join(w.dir, "state")); err != nil {
		return nil, err
	}
	return w.ServeAgain(ctx, name, config)
}

// ServeAgain starts the milter with the state that [World.Serve] made under a name, as its last run has left it.
func (w *World) ServeAgain(ctx context.Context, name, config string) (*lab.Process, error) {
	file, err := w.writeConfig(name, filepath.Join(w.dir, name), config)
	if err != nil {
		return nil, err
	}
	p, err := lab.StartProcess(serve(w.program, file))
	if err != nil {
		return nil, err
	}
	if err := p.WaitListen(ctx, "tcp", w.Listen); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// Close ends what the world started.
func (w *World) Close() error {
	var failures []error
	for i := len(w.close) - 1; i >= 0; i-- {
		failures = append(failures, w.close[i]())
	}
	w.close = nil
	return errors.Join(failures...)
}

// serve is the command that runs the milter.
func serve(program, config string) *exec.Cmd {
	cmd := exec.Command(program, "serve", "-c", config)
	cmd.Env = environment(config)
	return cmd
}

// environment is that of the program. One with the race detector would sleep for a second when it ends, in case that
// somebody still races. The authorities of the machine, which vouch for nobody in a world, would take it longer to read
// than all else that it does to start: with the variables there are none but those of the configuration (crypto/x509
// wants a folder to look into, and finds in the configuration's what the configuration names anyway).
func environment(config string) []string {
	return append(os.Environ(), "GORACE=atexit_sleep_ms=0", "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR="+filepath.Dir(config))
}
