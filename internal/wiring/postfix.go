package wiring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sealmilter/internal/config"
)

// Postfix is what postconf(1) says of an installed Postfix.
type Postfix struct {
	// Main has the value of every parameter of main.cf, defaults included, with "$name" expanded.
	Main map[string]string
	// Services are the entries of master.cf in order.
	Services []Service
}

// Service is an entry of master.cf (master(5)).
type Service struct {
	// Name and Type are the first two columns: "smtp", "inet".
	Name, Type string
	// Chroot says whether it runs in the queue directory as its root.
	Chroot bool
	// MaxProcesses is the column maxproc: a number, 0 for no limit, or "-" for default_process_limit.
	MaxProcesses string
	// Command is the daemon's name, "smtpd".
	Command string
	// Overrides are its -o options, with "$name" expanded.
	Overrides map[string]string
}

// Run runs a command and returns its output.
type Run func(ctx context.Context, name string, args ...string) ([]byte, error)

// ErrNoMTA is wrapped by errors that say that the mail server is not installed.
var ErrNoMTA = errors.New("it is not installed")

// patience bounds one command: those of an MTA can wait for its daemons.
const patience = 2 * time.Minute

// RunHere runs a command on this host, for two minutes at most. It looks in the folders for administrators, too; a command
// that is not there is [ErrNoMTA]. Other errors hold what it printed.
func RunHere(ctx context.Context, name string, args ...string) ([]byte, error) {
	program, err := exec.LookPath(name)
	if err != nil {
		if program = filepath.Join("/usr/sbin", name); !isFile(program) {
			return nil, fmt.Errorf("%s: %w", name, ErrNoMTA)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second // for what it has started and left behind
	out, err := cmd.Output()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return out, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// ReadPostfix asks postconf(1). Errors wrap [ErrNoMTA] if there is none.
func ReadPostfix(ctx context.Context, run Run) (*Postfix, error) {
	var text [3]string
	for i, args := range [][]string{{"-x"}, {"-M"}, {"-P", "-x"}} {
		out, err := run(ctx, "postconf", args...)
		if err != nil {
			return nil, fmt.Errorf("read Postfix's settings: %w", err)
		}
		text[i] = string(out)
	}
	return ParsePostfix(text[0], text[1], text[2]), nil
}

// ParsePostfix reads the output of "postconf -x", "postconf -M" and "postconf -P -x". Lines that are none are ignored.
func ParsePostfix(main, services, overrides string) *Postfix {
	p := &Postfix{Main: make(map[string]string)}
	for line := range strings.Lines(main) {
		if name, value, found := nameAndValue(line); found {
			p.Main[name] = value
		}
	}
	chrootDefault := compatibility(p.Main["compatibility_level"]) < 1
	for line := range strings.Lines(services) {
		fields := strings.Fields(line)
		if len(fields) < 8 || strings.HasPrefix(line, "#") {
			continue
		}
		s := Service{Name: fields[0], Type: fields[1], MaxProcesses: fields[6], Command: fields[7], Overrides: make(map[string]string)}
		s.Chroot = fields[4] == "y" || fields[4] == "-" && chrootDefault
		p.Services = append(p.Services, s)
	}
	for line := range strings.Lines(overrides) {
		key, value, _ := nameAndValue(line)
		if strings.Count(key, "/") < 2 {
			continue
		}
		// A service of type "unix" may have a path for a name, so the last two parts are split off the end.
		rest, name := cutLast(key, "/")
		service, kind := cutLast(rest, "/")
		for i := range p.Services {
			if p.Services[i].Name == service && p.Services[i].Type == kind {
				p.Services[i].Overrides[name] = value
			}
		}
	}
	return p
}

func cutLast(s, sep string) (before, after string) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+len(sep):]
}

// compatibility returns the first number of a compatibility level such as "3.6".
func compatibility(level string) int {
	n := 0
	for _, c := range level {
		if c < '0' || c > '9' || n > 99 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Version is Postfix's own, such as "3.7.11".
func (p *Postfix) Version() string { return p.Main["mail_version"] }

// Endpoint is where this Postfix finds a sealmilter that listens there.
func (p *Postfix) Endpoint(listen config.Listen) Endpoint {
	return Endpoint{listen: listen, queue: p.Main["queue_directory"]}
}

// value returns what a parameter is for a service.
func (p *Postfix) value(s Service, name string) string {
	if v, set := s.Overrides[name]; set {
		return v
	}
	return p.Main[name]
}

// service returns the service of a name and a type, nil if there is none.
func (p *Postfix) service(name, kind string) *Service {
	for i := range p.Services {
		if p.Services[i].Name == name && p.Services[i].Type == kind {
			return &p.Services[i]
		}
	}
	return nil
}

// isAt reports whether a TCP service listens on the port of an address, and on an address of loopback.
func (s Service) isAt(address string) bool {
	if s.Type != "inet" {
		return false
	}
	return s.Name == address || sameTCP(s.Name, address)
}
