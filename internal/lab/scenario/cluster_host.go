package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// Host is one relay host of a [Cluster]: its milter, with a state directory of its own. One goroutine uses it, but for Kill
// and Log, which another one may call unless Serve is being called.
type Host struct {
	// Listen is the milter's address and Reinject that of the MTA's loopback listener, as reserved ports.
	Listen, Reinject string
	// State is the state directory, and Passphrase the file with the passphrase of the secret keys.
	State, Passphrase string
	// Bound takes from root, in a milter that is started from now on, the right to open what a file's mode forbids. Other
	// users never have it.
	Bound bool

	name    string
	program string
	file    string // of the configuration
	admin   string
	ports   lab.Ports
	milter  *lab.Process // nil before the first Serve
}

// NewHost adds a host. Every host of a cluster has the same passphrase for secret keys.
func (c *Cluster) NewHost(name string) (*Host, error) {
	dir := filepath.Join(c.world.dir, name)
	h := &Host{name: name, program: c.world.program, State: filepath.Join(dir, "state"), Passphrase: filepath.Join(dir, "passphrase"), file: filepath.Join(dir, "sealmilter.toml")}
	c.hosts = append(c.hosts, h)
	if err := h.ports.Reserve(&h.Listen, &h.Reinject, &h.admin); err != nil {
		return nil, err
	}
	return h, errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(h.State, 0o700), os.WriteFile(h.Passphrase, []byte("open sesame\n"), 0o600))
}

// File is the file of the configuration.
func (h *Host) File() string { return h.file }

// Configure writes the configuration: the database, "" for the built-in one, and lines that differ from the defaults. Unless
// they say otherwise, nobody outside is asked for keys.
func (h *Host) Configure(database, lines string) error {
	const text = `listen = "inet:%s"
reinject = "%s"
mta_users = ["root", "postfix", "news"]
admin = "%s"
state = "%s"
database = "%s"
senders.passphrase_file = "passphrase"
%s
[senders.logins]
alice = ["alice@example.org"]
eve = ["eve@example.org"]
nokey = ["nokey@example.org"]
`
	if !strings.Contains(lines, "keys.sources") {
		lines = "keys.sources = [\"local\"]\n" + lines
	}
	return os.WriteFile(h.file, fmt.Appendf(nil, text, h.Listen, h.Reinject, h.admin, h.State, database, lines), 0o600)
}

// Run executes a command of the program on this host and returns what it prints. The error of a command that fails has
// what it says.
func (h *Host) Run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	out, err := execute(ctx, h.program, h.file, stdin, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.name, err)
	}
	return out, nil
}

// Serve starts the milter, and ends the one before if it still runs. It returns when the milter listens.
func (h *Host) Serve(ctx context.Context) error {
	if err := h.Kill(); err != nil {
		return err
	}
	command := serve(h.program, h.file)
	if h.Bound {
		command.Args = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, command.Args...)
		var err error
		if command.Path, err = exec.LookPath("setpriv"); err != nil {
			return err
		}
	}
	milter, err := lab.StartProcess(command)
	if err != nil {
		return err
	}
	h.milter = milter
	return milter.WaitListen(ctx, "tcp", h.Listen)
}

// Kill ends the milter at once, if there is one.
func (h *Host) Kill() error {
	if h.milter == nil {
		return nil
	}
	return h.milter.Kill()
}

// Log is what the milter that was started last has printed.
func (h *Host) Log() string {
	if h.milter == nil {
		return ""
	}
	return h.milter.Log()
}

// WaitLog waits until the milter that was started last has printed text so many times.
func (h *Host) WaitLog(ctx context.Context, text string, times int) error {
	return h.milter.WaitLogTimes(ctx, text, times)
}

// Signal sends a signal to the milter.
func (h *Host) Signal(sig os.Signal) error { return h.milter.Signal(sig) }

// PID is the process number of the milter.
func (h *Host) PID() int { return h.milter.PID() }

// Wait waits until the milter has ended and returns how.
func (h *Host) Wait(ctx context.Context) error { return h.milter.Wait(ctx) }

// Ready returns what the milter says about itself at /readyz: the HTTP status and the text.
func (h *Host) Ready(ctx context.Context) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.admin+"/readyz", nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// close ends the milter and gives the ports back.
func (h *Host) close() error {
	return errors.Join(h.Kill(), h.ports.Close())
}
