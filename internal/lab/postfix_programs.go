package lab

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// postfixPrograms is where a Postfix lies and as whom it may run.
type postfixPrograms struct {
	tree      Tree
	commands  string // folder of postconf, postqueue, sendmail
	daemons   string // folder of master, smtpd, cleanup
	libraries string // folder of libpostfix-*.so
	owner     string // mail_owner
	group     string // setgid_group
}

// findPostfix takes the machine's own Postfix if there is one, and Debian's package otherwise.
func findPostfix(ctx context.Context, progress io.Writer) (postfixPrograms, error) {
	var programs postfixPrograms
	if postconf, err := findCommand("postconf"); err == nil {
		for parameter, value := range map[string]*string{
			"command_directory": &programs.commands,
			"daemon_directory":  &programs.daemons,
			"shlib_directory":   &programs.libraries,
		} {
			out, err := run(ctx, "", postconf, "-d", "-h", parameter)
			if err != nil {
				return postfixPrograms{}, err
			}
			*value = strings.TrimSpace(string(out))
		}
	} else {
		tree, err := Unpack(ctx, progress, "postfix")
		if err != nil {
			return postfixPrograms{}, err
		}
		programs = postfixPrograms{
			tree:      tree,
			commands:  tree.Path("/usr/sbin"),
			daemons:   tree.Path("/usr/lib/postfix/sbin"),
			libraries: tree.Path("/usr/lib/postfix"),
		}
	}
	var err error
	programs.owner, programs.group, err = postfixAccounts()
	return programs, err
}

// findCommand looks for an administrator's command, also where the search path of an unprivileged user misses it.
func findCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	return path, nil
}

// postfixAccounts returns the user and the group of the queue. They have to differ from each other, from root and
// from the user nobody, who runs external commands. A machine without a Postfix has no accounts for it; news and
// uucp are on every Debian and own nothing.
func postfixAccounts() (owner, group string, err error) {
	for _, pair := range [][2]string{{"postfix", "postdrop"}, {"news", "uucp"}} {
		_, userErr := user.Lookup(pair[0])
		_, groupErr := user.LookupGroup(pair[1])
		if userErr == nil && groupErr == nil {
			return pair[0], pair[1], nil
		}
	}
	return "", "", fmt.Errorf("this machine has neither the accounts postfix and postdrop nor news and uucp to run a private Postfix as")
}
