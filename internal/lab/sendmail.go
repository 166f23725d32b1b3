package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// SendmailConfig says how an instance differs from a plain relay host that takes mail from loopback.
type SendmailConfig struct {
	// Relay is the address of the next hop, "127.0.0.1:port"; without one, mail waits in the queue.
	Relay string
	// Auth has the users who can log in; without one, nobody can.
	Auth *Auth
	// MC stands in sendmail.mc above the lines MAILER, and SubmitMC in submit.mc above the feature msp.
	MC, SubmitMC string
	// Aliases are lines of the alias file, such as "team: bob@example.net". Addresses of the host's own, mx.lab.test, are
	// searched for in it.
	Aliases string
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// Sendmail is a running private instance of Debian's sendmail: the daemon, and what the command sendmail(1) needs to
// hand messages in to it. Its methods are safe for concurrent use.
type Sendmail struct {
	// Addr is the address of the plain SMTP listener, "127.0.0.1:port".
	Addr string

	programs sendmailPrograms
	scratch
	syslog    *syslog
	saslauthd *Server
	daemon    *Process
}

// StartSendmail starts an instance and returns when it accepts connections. Debian's packages are unpacked even where
// sendmail is installed, for only root's own files lead the machine's programs elsewhere. The caller closes it.
func StartSendmail(ctx context.Context, config SendmailConfig) (*Sendmail, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("start sendmail: run as root, only root may give it a host name and a /dev/log of its own")
	}
	programs, err := findSendmail(ctx, config.Progress)
	if err != nil {
		return nil, fmt.Errorf("start sendmail: %w", err)
	}
	s := &Sendmail{programs: programs}
	return started("sendmail", s, s.start(ctx, config))
}

func (s *Sendmail) start(ctx context.Context, config SendmailConfig) (err error) {
	if err := s.claim(&s.Addr); err != nil {
		return err
	}
	if err := s.makeFolders(config); err != nil {
		return err
	}
	if s.syslog, err = startSyslog(s.path("dev/log")); err != nil {
		return err
	}
	if config.Auth != nil {
		if s.saslauthd, err = startSaslauthd(s.path("mux"), config.Auth); err != nil {
			return err
		}
	}
	for name, mc := range map[string]string{
		"sendmail": s.mc(sendmailMC, config.MC, config.Relay),
		"submit":   s.mc(submitMC, config.SubmitMC, ""),
	} {
		if err := s.configure(ctx, name, mc); err != nil {
			return err
		}
	}
	if out, err := s.Command(ctx, "sendmail.cf", "-bi").CombinedOutput(); err != nil {
		return fmt.Errorf("make the alias database: %w%s", err, quoteLog(string(out)+s.Log()))
	}
	// -bD keeps the daemon from leaving for the background, so that it ends with this process. As the first process of
	// a namespace of its own it takes those with it that it left alone in the background.
	cmd := s.Command(context.WithoutCancel(ctx), "sendmail.cf", "-bD")
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	if s.daemon, err = StartProcess(cmd); err != nil {
		return err
	}
	if err := s.daemon.WaitListen(ctx, "tcp", s.Addr); err != nil {
		return fmt.Errorf("%w%s", err, quoteLog(s.Log()))
	}
	return nil
}

// SubmissionAddr is Addr, where clients log in and submit.
func (s *Sendmail) SubmissionAddr() string { return s.Addr }

// Command prepares the program sendmail with one of the instance's configuration files, "sendmail.cf" or "submit.cf".
func (s *Sendmail) Command(ctx context.Context, cf string, args ...string) *exec.Cmd {
	return s.inside(ctx, append([]string{s.path("sendmail"), "-C" + s.path(cf)}, args...)...)
}

// Sendmail hands in a message as a program on this host does, with the command sendmail(1) run by root. Args follow
// the command's name, such as "-f", "alice@example.org", "bob@example.net". A message that the daemon does not take for
// now stays in the queue of the command.
func (s *Sendmail) Sendmail(ctx context.Context, message []byte, args ...string) error {
	return handIn(s.Command(ctx, "submit.cf", args...), message)
}

// SendmailAs does the same as another user of this machine.
func (s *Sendmail) SendmailAs(ctx context.Context, user string, message []byte, args ...string) error {
	// The installed program has the group of its queue by its mode. Unpacked libraries lie in a folder of root's.
	as := []string{"setpriv", "--reuid=" + user, fmt.Sprintf("--regid=%d", s.programs.gid), "--clear-groups",
		"--inh-caps=+dac_override", "--ambient-caps=+dac_override"}
	return handIn(s.inside(ctx, append(append(as, s.path("sendmail"), "-C"+s.path("submit.cf")), args...)...), message)
}

// Log returns what daemon and command have told syslog so far.
func (s *Sendmail) Log() string { return s.syslog.log() }

// WaitLog waits until the log holds text.
func (s *Sendmail) WaitLog(ctx context.Context, text string) error {
	return s.daemon.waitText(ctx, text, func() string { return s.daemon.Log() + s.Log() })
}

// Close ends the instance and removes its queues, configuration and log. It may be called again.
func (s *Sendmail) Close() error {
	var failures []error
	if s.daemon != nil {
		ctx, cancel := untilKilled()
		defer cancel()
		failures = append(failures, s.daemon.Stop(ctx))
		s.daemon = nil
	}
	if s.saslauthd != nil {
		failures = append(failures, s.saslauthd.Close())
		s.saslauthd = nil
	}
	if s.syslog != nil {
		failures = append(failures, s.syslog.close())
	}
	return errors.Join(append(failures, s.release())...)
}
