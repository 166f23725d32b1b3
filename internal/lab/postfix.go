package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// PostfixConfig says how an instance differs from a plain relay host that takes mail from loopback.
type PostfixConfig struct {
	// Relay is the address of the next hop, "127.0.0.1:port"; without one, mail waits in the queue.
	Relay string
	// Auth is the address of an [Auth] server; without one, nobody can log in.
	Auth string
	// Main is appended to main.cf and Master to master.cf. A service in Master replaces the stock one of that name.
	Main, Master string
	// Progress gets a line for each step that may take long; nil discards them.
	Progress io.Writer
}

// Postfix is a running private instance. Its methods are safe for concurrent use.
type Postfix struct {
	// Addr is the address of the plain SMTP listener, "127.0.0.1:port".
	Addr string

	programs postfixPrograms
	scratch
	master *Process
}

// StartPostfix starts an instance and returns when it accepts connections. It uses the machine's Postfix if there is
// one, and Debian's package otherwise. The caller closes it.
func StartPostfix(ctx context.Context, config PostfixConfig) (*Postfix, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("start Postfix: run as root, its master(8) refuses to run as anybody else")
	}
	programs, err := findPostfix(ctx, config.Progress)
	if err != nil {
		return nil, fmt.Errorf("start Postfix: %w", err)
	}
	p := &Postfix{programs: programs}
	return started("Postfix", p, p.start(ctx, config))
}

func (p *Postfix) start(ctx context.Context, config PostfixConfig) (err error) {
	if err := p.claim(&p.Addr); err != nil {
		return err
	}
	if err := p.makeFolders(); err != nil {
		return err
	}
	err = p.write(0o644, map[string]string{
		"conf/main.cf":   mainCF(p.programs, p.dir, config),
		"conf/master.cf": masterCF(p.Addr, config),
	})
	if err != nil {
		return err
	}
	// Before there is a postlogd(8), master(8) tells only syslog why it cannot start.
	if out, err := p.Command(ctx, "postconf", "-M").CombinedOutput(); err != nil {
		return fmt.Errorf("check the configuration: %w%s", err, quoteLog(string(out)))
	}
	// -d keeps master(8) from leaving for the background, so that it ends with this process.
	p.master, err = StartProcess(p.command(context.WithoutCancel(ctx), filepath.Join(p.programs.daemons, "master"), "-d"))
	if err != nil {
		return err
	}
	return p.WaitLog(ctx, "daemon started")
}

// SubmissionAddr is Addr, where clients log in and submit.
func (p *Postfix) SubmissionAddr() string { return p.Addr }

// Folder returns the folder of the instance, which holds "conf", "queue" and the file "log".
func (p *Postfix) Folder() string { return p.dir }

// makeFolders lays out the queue as "postfix set-permissions" would.
func (p *Postfix) makeFolders() error {
	uid, err := uidOf(p.programs.owner)
	if err != nil {
		return err
	}
	gid, err := gidOf(p.programs.group)
	if err != nil {
		return err
	}
	type folder struct {
		name     string
		uid, gid int
		mode     os.FileMode
	}
	folders := []folder{
		{"conf", 0, 0, 0o755},
		{"data", uid, 0, 0o700},
		{"queue", 0, 0, 0o755},
		{"queue/pid", 0, 0, 0o755},
		{"queue/maildrop", uid, gid, 0o730},
		{"queue/public", uid, gid, 0o710},
	}
	for _, name := range strings.Fields("active bounce corrupt defer deferred flush hold incoming private saved trace") {
		folders = append(folders, folder{"queue/" + name, uid, 0, 0o700})
	}
	for _, f := range folders {
		path := p.path(f.name)
		err := errors.Join(os.Mkdir(path, f.mode), os.Chown(path, f.uid, f.gid), os.Chmod(path, f.mode))
		if err != nil {
			return err
		}
	}
	return nil
}

// Command prepares one of Postfix's commands, such as "postconf" or "postcat", for this instance: its own
// configuration folder is given with -c.
func (p *Postfix) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return p.command(ctx, filepath.Join(p.programs.commands, name), args...)
}

func (p *Postfix) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	conf := p.path("conf")
	cmd := exec.CommandContext(ctx, path, append([]string{"-c", conf}, args...)...)
	cmd.Env = append(p.programs.tree.Env(), "MAIL_CONFIG="+conf)
	return cmd
}

// Sendmail hands in a message as a program on this host does, with the command sendmail(1) run by root. Args follow
// the command's name, such as "-f", "alice@example.org", "bob@example.net".
func (p *Postfix) Sendmail(ctx context.Context, message []byte, args ...string) error {
	return handIn(p.sendmail(ctx, args), message)
}

// SendmailAs does the same as another user of this machine.
func (p *Postfix) SendmailAs(ctx context.Context, user string, message []byte, args ...string) error {
	cmd := p.sendmail(ctx, args)
	// Unpacked programs lie in a folder of root's. env(1) can be reached by everybody, and hands the capability on.
	cmd.Args = append([]string{"env"}, cmd.Args...)
	var err error
	if cmd.Path, err = exec.LookPath("env"); err != nil {
		return err
	}
	uid, err := uidOf(user)
	if err != nil {
		return err
	}
	group, err := gidOf(p.programs.group)
	if err != nil {
		return err
	}
	const dacOverride = 1 // linux/capability.h
	// With a group that postdrop(1) has or gains anyway, it believes the configuration in the environment.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: uint32(uid), Gid: uint32(group)},
		AmbientCaps: []uintptr{dacOverride},
	}
	return handIn(cmd, message)
}

// sendmail prepares the command. The folder in the environment is enough for it, and -C would not be believed from
// everybody.
func (p *Postfix) sendmail(ctx context.Context, args []string) *exec.Cmd {
	cmd := p.Command(ctx, "sendmail", args...)
	cmd.Args = append([]string{cmd.Path}, args...)
	return cmd
}

func handIn(cmd *exec.Cmd, message []byte) error {
	cmd.Stdin = bytes.NewReader(message)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w%s", strings.Join(cmd.Args, " "), err, quoteLog(string(out)))
	}
	return nil
}

// Log returns what the instance has logged so far. postlogd(8) writes it some time after the fact.
func (p *Postfix) Log() string {
	text, err := os.ReadFile(p.path("log"))
	if err != nil {
		return "" // nothing was ever logged
	}
	return string(text)
}

// WaitLog waits until the log holds text.
func (p *Postfix) WaitLog(ctx context.Context, text string) error {
	return p.master.waitText(ctx, text, func() string { return p.master.Log() + p.Log() })
}

// Close ends the instance and removes its queue, configuration and log. It may be called again.
func (p *Postfix) Close() error {
	var ended error
	if p.master != nil {
		ctx, cancel := untilKilled()
		defer cancel()
		ended = p.master.Stop(ctx)
		p.master = nil
	}
	return errors.Join(ended, p.release())
}
