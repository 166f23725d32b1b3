package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
)

// site is the relay host and the world around it.
type site struct {
	program string
	// dir holds the configuration and the milter's log, state the milter's state on a small file system of its own.
	dir, state       string
	listen, reinject string
	people           []recipient

	postfix   *lab.Postfix
	sink      *lab.Sink
	auth      *lab.Auth
	names     *lab.DNSServer
	authority *lab.Authority
	keys      *lab.WKDServer
	gpg       *lab.GPG
	// keyIDs are the readers of what an address may be sent, those of its certificate.
	keyIDs map[string][]string

	ports lab.Ports
	close []func() error

	// crowded reports whether more arrives than can be opened: nobody writes new letters then, so that the queue does
	// not grow without end.
	crowded func() bool
	// stopSink ends the next hop. It may be called again.
	stopSink func() error
}

// stateSize is how large the file system of the state directory is. A database with all certificates of the campaign and
// a long ledger takes a small part of it.
const stateSize = 24 << 20

// buildSite starts everything but the milter, which finds its keys in the state directory. Deliveries go to take.
func buildSite(ctx context.Context, program, dir string, longQueueIDs bool, progress io.Writer, take func(lab.Delivery)) (*site, error) {
	s := &site{program: program, dir: dir, state: filepath.Join(dir, "state"), people: cast(), keyIDs: map[string][]string{}}
	for _, step := range []func() error{
		s.mount,
		func() error { return s.start(ctx, progress, take) },
		func() error { return s.makeKeys(ctx) },
		func() error { return s.startPostfix(ctx, longQueueIDs, progress) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("build the site: %w", err), s.Close())
		}
	}
	return s, nil
}

// mount makes the file system of the state directory, which can be full.
func (s *site) mount() error {
	if err := os.Mkdir(s.state, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("none", s.state, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", stateSize)); err != nil {
		return fmt.Errorf("mount a file system for the state directory (run as root): %w", err)
	}
	s.close = append(s.close, func() error { return syscall.Unmount(s.state, syscall.MNT_DETACH) })
	return nil
}

func (s *site) start(ctx context.Context, progress io.Writer, take func(lab.Delivery)) (err error) {
	s.close = append(s.close, s.ports.Close)
	if err := s.ports.Reserve(&s.listen, &s.reinject); err != nil {
		return err
	}
	if s.sink, err = lab.StartSink(lab.SinkConfig{Take: take}); err != nil {
		return err
	}
	s.stopSink = sync.OnceValue(s.sink.Close)
	s.close = append(s.close, s.stopSink)
	passwords := map[string]string{}
	for _, a := range authors {
		passwords[a.login] = a.login
	}
	if s.auth, err = lab.StartAuth(passwords); err != nil {
		return err
	}
	s.close = append(s.close, s.auth.Close)
	if s.names, err = lab.StartDNS(); err != nil {
		return err
	}
	s.close = append(s.close, s.names.Close)
	if s.authority, err = lab.NewAuthority(); err != nil {
		return err
	}
	if err := s.authority.WritePEM(filepath.Join(s.dir, "authority.pem")); err != nil {
		return err
	}
	if s.keys, err = lab.StartWKD(s.authority); err != nil {
		return err
	}
	s.close = append(s.close, s.keys.Close)
	s.keys.AddDomain(publishedDomain, lab.Advanced)
	if err := s.names.Set(s.keys.Host(publishedDomain), lab.DNSName{Records: []string{"A 127.0.0.1"}}); err != nil {
		return err
	}
	if s.gpg, err = lab.NewGPG(ctx, progress); err != nil {
		return err
	}
	s.close = append(s.close, s.gpg.Close)
	return nil
}

// makeKeys gives recipients keys by gpg, and authors keys by the program.
func (s *site) makeKeys(ctx context.Context) error {
	if err := s.writeConfig(0); err != nil {
		return err
	}
	var known []byte
	for _, r := range s.people {
		if r.may != encrypted {
			continue
		}
		if _, err := s.gpg.Generate(ctx, r.addr, ""); err != nil {
			return err
		}
		cert, err := s.gpg.ExportPublic(ctx, "<"+r.addr+">")
		if err != nil {
			return err
		}
		if s.keyIDs[r.addr], err = s.gpg.KeyIDs(ctx, "<"+r.addr+">"); err != nil {
			return err
		}
		if local, domain, _ := strings.Cut(r.addr, "@"); r.published {
			s.keys.Publish(domain, local, cert)
			continue
		}
		known = append(known, cert...)
	}
	if _, err := s.run(ctx, known, "keys", "import", "-"); err != nil {
		return err
	}
	for _, a := range authors {
		if _, err := s.run(ctx, nil, "keys", "generate", a.addr); err != nil {
			return err
		}
		// Notices may be encrypted to their reader.
		own, err := s.run(ctx, nil, "keys", "export", a.addr, "--secret")
		if err != nil {
			return err
		}
		if err := s.gpg.Import(ctx, own); err != nil {
			return err
		}
		if s.keyIDs[a.addr], err = s.gpg.KeyIDs(ctx, "<"+a.addr+">"); err != nil {
			return err
		}
	}
	return nil
}

// run executes a command of the program.
func (s *site) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.program, append(args, "-c", s.config())...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("sealmilter %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}

func (s *site) config() string { return filepath.Join(s.dir, "sealmilter.toml") }

// writeConfig writes the milter's configuration. Versions differ in a harmless line.
func (s *site) writeConfig(version int) error {
	const text = `listen = "inet:%s"
reinject = "%s"
mta_users = ["root", "postfix", "news"]
state = %q
admin = ""

[[policy.rule]]
to = ["@%s"]
mode = "require"

[headers]
strip = ["User-Agent", "X-Version-%d"]

[keys]
resolver = %q
private = ["127.0.0.0/8"]
ca_file = "authority.pem"
timeout = "2s"
fresh = "2s"
absent = "2s"
retry = "1s"

[keys.wkd]
port = %s

[senders.logins]
`
	_, port, err := net.SplitHostPort(s.keys.Addr)
	if err != nil {
		return err
	}
	config := fmt.Appendf(nil, text, s.listen, s.reinject, s.state, strictDomain, version, s.names.Addr, port)
	for _, a := range authors {
		config = fmt.Appendf(config, "%s = [%q]\n", a.login, a.addr)
	}
	// A reload in this moment reads the one file or the other.
	if err := os.WriteFile(s.config()+".new", config, 0o600); err != nil {
		return err
	}
	return os.Rename(s.config()+".new", s.config())
}

// shortPauses leave out what makes somebody wait and is no part of any promise.
const shortPauses = `message_size_limit = 51200000
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
service_throttle_time = 1s
in_flow_delay = 0
`

// startPostfix starts the relay host with the shipped fragments. With long queue ids the Message-IDs that Postfix makes are
// of another form.
func (s *site) startPostfix(ctx context.Context, longQueueIDs bool, progress io.Writer) (err error) {
	main := postfix.MainCF(s.listen) + shortPauses
	if longQueueIDs {
		main += "enable_long_queue_ids = yes\n"
	}
	s.postfix, err = lab.StartPostfix(ctx, lab.PostfixConfig{
		Relay:    s.sink.Addr,
		Auth:     s.auth.Addr,
		Main:     main,
		Master:   postfix.MasterCF(s.listen, s.reinject),
		Progress: progress,
	})
	if err == nil {
		s.close = append(s.close, s.postfix.Close)
	}
	return err
}

// Close ends what the site has started. It may be called again.
func (s *site) Close() error {
	var failures []error
	for i := len(s.close) - 1; i >= 0; i-- {
		failures = append(failures, s.close[i]())
	}
	s.close = nil
	return errors.Join(failures...)
}
