package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// sendmailPrograms is where a sendmail lies and as whom the command may run.
type sendmailPrograms struct {
	tree     Tree
	sendmail string
	m4       string
	cf       string // folder of the m4 sources of configurations, with a slash at the end
	owner    string // of the command's queue
	uid, gid int    // of owner
}

// findSendmail unpacks Debian's packages.
func findSendmail(ctx context.Context, progress io.Writer) (sendmailPrograms, error) {
	tree, err := Unpack(ctx, progress, "sendmail-bin", "sendmail-base", "sendmail-cf", "m4", "libsasl2-modules")
	if err != nil {
		return sendmailPrograms{}, err
	}
	p := sendmailPrograms{
		tree: tree, sendmail: tree.Path("/usr/libexec/sendmail/sendmail"), m4: tree.Path("/usr/bin/m4"),
		cf: tree.Path("/usr/share/sendmail/cf") + "/",
	}
	if _, err := os.Stat(p.m4); err != nil { // the machine's own
		if p.m4, err = exec.LookPath("m4"); err != nil {
			return sendmailPrograms{}, err
		}
	}
	account, err := sendmailAccount()
	if err != nil {
		return sendmailPrograms{}, err
	}
	p.owner = account.Username
	if p.uid, err = strconv.Atoi(account.Uid); err != nil {
		return sendmailPrograms{}, err
	}
	p.gid, err = strconv.Atoi(account.Gid)
	return p, err
}

// sendmailAccount returns as whom sendmail(1) sends what root hands in and what has waited in its queue. A machine without
// sendmail has no account for that; news is on every Debian and owns nothing.
func sendmailAccount() (*user.User, error) {
	for _, name := range []string{"smmsp", "news"} {
		if account, err := user.Lookup(name); err == nil {
			return account, nil
		}
	}
	return nil, fmt.Errorf("this machine has neither the account smmsp nor news to run sendmail(1) as")
}

// SendmailAccount returns the name of the user as whom the command of a [Sendmail] works for root, and for its queue.
func SendmailAccount() (string, error) {
	account, err := sendmailAccount()
	if err != nil {
		return "", err
	}
	return account.Username, nil
}

// enter gives a program a host name with a dot, without which sendmail sleeps a minute at each start, and a folder /dev
// with a "log" of its own, and then becomes that program.
const enter = `set -e
mount --make-rprivate /
echo mx.lab.test >/proc/sys/kernel/hostname
mount --bind "$0" "$0"
for device in null zero random urandom; do mount --bind "/dev/$device" "$0/$device"; done
mount --rbind "$0" /dev
exec "$@"
`

// inside prepares a command that sees the instance's own host name and /dev. None of it is seen outside.
func (s *Sendmail) inside(ctx context.Context, command ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", enter, s.path("dev")}, command...)...)
	cmd.Env = append(s.programs.tree.Env(), "LC_ALL=C")
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS}
	return cmd
}
