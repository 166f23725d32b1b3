package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// postgresPrograms is where a PostgreSQL lies and as whom its server may run.
type postgresPrograms struct {
	tree     Tree
	commands string // folder of initdb, postgres, psql
	account  *syscall.Credential
}

// findPostgreSQL takes the machine's own PostgreSQL if there is one, and Debian's package otherwise.
func findPostgreSQL(ctx context.Context, progress io.Writer) (postgresPrograms, error) {
	account, err := postgresAccount()
	if err != nil {
		return postgresPrograms{}, err
	}
	programs := postgresPrograms{account: account}
	if programs.commands = postgresCommands(Tree{}); programs.commands != "" {
		return programs, nil
	}
	// The package without a number depends on the release's own version.
	if programs.tree, err = Unpack(ctx, progress, "postgresql"); err != nil {
		return postgresPrograms{}, err
	}
	if programs.commands = postgresCommands(programs.tree); programs.commands == "" {
		return postgresPrograms{}, fmt.Errorf("there is no server in %s; remove that folder to fetch it again", programs.tree.Root)
	}
	return programs, nil
}

// postgresCommands returns the folder of the newest complete installation in a tree, "" if there is none. Debian
// keeps the versions beside each other, and off the search path.
func postgresCommands(tree Tree) string {
	found, _ := filepath.Glob(tree.Path("/usr/lib/postgresql/*/bin/postgres")) // the only error is a bad pattern
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // before 10 they were not whole numbers
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, server := range found {
		folder := filepath.Dir(server)
		if _, err := os.Stat(filepath.Join(folder, "psql")); err == nil { // a package of its own
			return folder
		}
	}
	return ""
}

// postgresAccount returns as whom the server runs, nil for the caller itself. It refuses to run as root.
func postgresAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("the server refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// open makes programs that lie in a folder which is closed to the account of the server, as root's cache folder is,
// reachable for it below dir.
func (p *postgresPrograms) open(ctx context.Context, dir string) error {
	if p.account == nil || p.tree.Root == "" {
		return nil
	}
	folders := slices.DeleteFunc([]string{"lib", "usr/lib", "usr/share/postgresql"},
		func(name string) bool { return !isDir(p.tree.Path(name)) })
	tree := Tree{Root: filepath.Join(dir, "programs")}
	// Links take no time and no space, but not from one file system to another.
	copyTree := func(how ...string) error {
		if err := errors.Join(os.RemoveAll(tree.Root), os.Mkdir(tree.Root, 0o755)); err != nil {
			return err
		}
		_, err := run(ctx, p.tree.Root, "cp", slices.Concat([]string{"--archive", "--parents"}, how, folders, []string{tree.Root})...)
		return err
	}
	if copyTree("--link") != nil {
		if err := copyTree(); err != nil {
			return err
		}
	}
	p.tree, p.commands = tree, postgresCommands(tree)
	return nil
}

// server prepares one of the programs that must not run as root.
func (p postgresPrograms) server(name string, args ...string) *exec.Cmd {
	cmd := p.command(context.Background(), name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	return cmd
}

// command prepares one of the programs. None sees the variables by which the caller's environment may point
// PostgreSQL's programs to another server.
func (p postgresPrograms) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.commands, name), args...)
	cmd.Env = slices.DeleteFunc(p.tree.Env(), func(variable string) bool { return strings.HasPrefix(variable, "PG") })
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

// own gives a folder or file to the account of the server.
func (p postgresPrograms) own(path string) error {
	if p.account == nil {
		return nil
	}
	return os.Chown(path, int(p.account.Uid), int(p.account.Gid))
}
