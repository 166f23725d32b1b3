package mta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
)

// site is one variant at work: a Postfix that throws away what it has taken (discard(8)), with its milter.
type site struct {
	variant Variant
	postfix *lab.Postfix
	milter  *lab.Process // nil for None
	master  int          // the process of master(8)

	listen, reinject string
	ports            lab.Ports
}

// settings go before the shipped ones. More processes than Postfix has by default serve more sessions than that.
const settings = `default_transport = discard:
relayhost =
default_process_limit = 250
smtpd_client_connection_count_limit = 0
message_size_limit = 0
mailbox_size_limit = 0
`

func startSite(ctx context.Context, v Variant, dir string, programs programs, progress io.Writer) (*site, error) {
	s := &site{variant: v}
	if err := s.start(ctx, dir, programs, progress); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", v, err), s.close())
	}
	return s, nil
}

func (s *site) start(ctx context.Context, dir string, programs programs, progress io.Writer) error {
	var listen, reinject string
	if err := s.ports.Reserve(&listen, &reinject); err != nil {
		return err
	}
	network, address := "tcp", listen
	s.listen, s.reinject = "inet:"+listen, reinject
	if !s.variant.overTCP() {
		network, address = "unix", filepath.Join(dir, string(s.variant)+".sock")
		s.listen = "unix:" + address
	}
	config := lab.PostfixConfig{Main: settings, Master: "\n", Progress: progress}
	if s.variant != None {
		cmd := exec.Command(programs.noop, s.listen)
		if s.variant.seals() {
			if err := errors.Join(lab.CopyPrivate(filepath.Join(dir, string(s.variant)), filepath.Join(dir, "state")), writeConfig(dir, string(s.variant), s.listen, s.reinject)); err != nil {
				return err
			}
			cmd = exec.Command(programs.sealmilter, "serve", "-c", configFile(dir, string(s.variant)))
			cmd.Env = append(os.Environ(), profileVariable+"="+s.profile(dir))
			config.Master += s.adapted(postfix.MasterCF(postfix.Listen, s.reinject))
		}
		config.Main += s.adapted(postfix.MainCF(postfix.Listen))
		var err error
		if s.milter, err = lab.StartProcess(cmd); err != nil {
			return err
		}
		if err := s.milter.WaitListen(ctx, network, address); err != nil {
			return err
		}
	}
	if network == "unix" && s.variant != None {
		if err := os.Chmod(address, 0o666); err != nil { // Postfix has a user of its own
			return err
		}
	}
	var err error
	if s.postfix, err = lab.StartPostfix(ctx, config); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.postfix.Folder(), "queue", "pid", "master.pid"))
	if err != nil {
		return err
	}
	s.master, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return err
}

// adapted replaces the milter's address in a fragment.
func (s *site) adapted(fragment string) string {
	return strings.ReplaceAll(fragment, "inet:"+postfix.Listen, s.listen)
}

// profile returns the file of this variant's profile.
func (s *site) profile(dir string) string { return filepath.Join(dir, string(s.variant)+".pprof") }

// work sends the messages and waits until all of them have left.
func (s *site) work(ctx context.Context, l *letters) (Figures, error) {
	mta, milter, began := cpu(s.master), s.milterCPU(), time.Now()
	waited, err := l.send(ctx, s.postfix.Addr)
	if err == nil {
		err = s.postfix.WaitEmpty(ctx)
	}
	if err != nil {
		return Figures{}, fmt.Errorf("%s: %w", s.variant, err)
	}
	return Figures{Variant: s.variant, Load: l.load, Elapsed: time.Since(began), Waited: waited,
		MTA: cpu(s.master) - mta, Milter: s.milterCPU() - milter}, nil
}

func (s *site) milterCPU() time.Duration {
	if s.milter == nil {
		return 0
	}
	return cpu(s.milter.PID())
}

func (s *site) close() error {
	var failures []error
	if s.postfix != nil {
		failures = append(failures, s.postfix.Close())
	}
	if s.milter != nil {
		failures = append(failures, s.milter.Kill())
	}
	return errors.Join(append(failures, s.ports.Close())...)
}
