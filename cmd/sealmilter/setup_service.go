package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

const (
	serviceUser = "sealmilter"
	serviceName = "sealmilter.service"
)

// systemdRuns reports whether this host's services are those of systemd (sd_booted(3)).
func systemdRuns() bool {
	info, err := os.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// installService makes sealmilter a service of this host: user, folders, configuration, passphrase and unit; and starts it.
// One that runs is started anew if it, or the MTA, is to have other settings, because it keeps its addresses until then.
func (s *setup) installService(ctx context.Context, rewired bool) error {
	program, err := s.program()
	if err != nil {
		return err
	}
	if err := s.makeUser(ctx); err != nil {
		return err
	}
	uid, gid := lookupUser(serviceUser)
	folders := []folder{{filepath.Dir(deploy.ConfigFile), 0o755, 0, 0}, {s.config.State, 0o700, uid, gid}}
	if s.config.Listen.Network == "unix" {
		if group := s.mta.SocketGroup(); group != "" {
			// The group's bit is handed on to the socket, so that the MTA can reach it.
			folders = append(folders, folder{filepath.Dir(s.config.Listen.Address), 0o750 | fs.ModeSetgid, uid, lookupGroup(group)})
		}
	}
	for _, f := range folders {
		if err := s.makeFolder(f); err != nil {
			return err
		}
	}
	if err := s.adoptState(owner{uid, gid}); err != nil {
		return err
	}
	credential := s.config.Senders.PassphraseFile == "" || s.config.Senders.PassphraseFile == deploy.Passphrase
	if credential {
		if err := s.makePassphrase(gid); err != nil {
			return err
		}
	}
	configuration, err := s.configuration(gid)
	if err != nil {
		return err
	}
	unit, err := wiring.Read(deploy.UnitFile)
	if err != nil {
		return err
	}
	if packaged := packagedUnit(); packaged == "" {
		unit.After = []byte(deploy.Unit(deploy.UnitOptions{Program: program, ConfigFile: s.file, State: s.config.State, Credential: credential}))
	} else {
		s.steps.note("kept", packaged+", the unit of the package")
	}
	if err := s.makeFolder(folder{filepath.Dir(deploy.UnitFile), 0o755, 0, 0}); err != nil {
		return err
	}
	if _, err := s.change([]wiring.FileChange{configuration, unit}, func() error { return nil }); err != nil {
		return err
	}
	return s.start(ctx, unit.Changes() || rewired)
}

// program is this program's own path. A unit that protects home folders cannot run one that is there.
func (s *setup) program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	for _, hidden := range []string{"/home/", "/root/", "/tmp/", "/var/tmp/", "/run/user/"} {
		if strings.HasPrefix(path, hidden) && !s.steps.dryRun {
			return "", fmt.Errorf("the service cannot run %s, because it does not see %s; copy the program to %s and run setup from there", path, hidden, deploy.Program)
		}
	}
	return path, nil
}

// configuration returns the configuration file, made if there is none.
func (s *setup) configuration(gid int) (wiring.FileChange, error) {
	c, err := wiring.Read(s.file)
	if err == nil && c.Before == nil {
		// It may hold a database's password one day.
		c.After, c.Mode, c.GID = []byte(strings.Replace(deploy.Config, "\npassphrase_file = \"\"\n", fmt.Sprintf("\npassphrase_file = %q\n", deploy.Passphrase), 1)), 0o640, gid
	}
	return c, err
}

// packagedUnit returns the unit that a package has installed, "" if there is none.
func packagedUnit() string {
	for _, folder := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		if path := filepath.Join(folder, serviceName); fileExists(path) {
			return path
		}
	}
	return ""
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// makeUser makes the system user and group that run the daemon.
func (s *setup) makeUser(ctx context.Context) error {
	if _, err := user.Lookup(serviceUser); err == nil {
		return nil
	}
	s.steps.making("the system user " + serviceUser)
	err := s.runAll(ctx, [][]string{{"useradd", "--system", "--user-group", "--home-dir", s.config.State, "--no-create-home", "--shell", "/usr/sbin/nologin", serviceUser}})
	if err == nil && !s.steps.dryRun {
		s.steps.onFailure(func() error {
			if fileExists(s.config.State) {
				// The number would be given to the next user who is made, and the files with it.
				s.steps.note("kept", fmt.Sprintf("the user %s, who owns %s", serviceUser, s.config.State))
				return nil
			}
			_, err := s.run(context.WithoutCancel(ctx), "userdel", serviceUser)
			return err
		})
	}
	return err
}

// lookupUser returns the numbers of a user, those of root where it does not exist yet, which only a dry run sees.
func lookupUser(name string) (uid, gid int) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0
	}
	uid, _ = strconv.Atoi(u.Uid) // they are numbers on every Unix
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

func lookupGroup(name string) int {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0
	}
	gid, _ := strconv.Atoi(g.Gid)
	return gid
}

// folder is a directory that has to be there.
type folder struct {
	path     string
	mode     fs.FileMode
	uid, gid int
}

// makeFolder makes a directory that is missing. One that is there stays as it is.
func (s *setup) makeFolder(f folder) error {
	if fileExists(f.path) {
		return nil
	}
	s.steps.making(fmt.Sprintf("the folder %s (mode %04o)", f.path, f.mode.Perm()))
	if s.steps.dryRun {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(f.path, 0o700); err != nil {
		return err
	}
	s.steps.onFailure(func() error {
		switch err := os.Remove(f.path); {
		case errors.Is(err, fs.ErrExist):
			s.steps.note("kept", f.path+", which is not empty")
		case !errors.Is(err, fs.ErrNotExist): // systemd takes a unit's folder away itself
			return err
		}
		return nil
	})
	return errors.Join(os.Chown(f.path, f.uid, f.gid), os.Chmod(f.path, f.mode))
}

// adoptState gives the daemon's user a state directory that commands of root's have made while there was no such user.
func (s *setup) adoptState(daemon owner) error {
	roots, err := isStateOfRoot(s.config.State)
	if err != nil || !roots {
		return err
	}
	s.steps.giving(s.config.State + " to the user " + serviceUser + ", with what root's commands have put into it")
	if s.steps.dryRun {
		return nil
	}
	s.steps.onFailure(func() error { return handOver(s.config.State, daemon.uid, owner{}) })
	return handOver(s.config.State, 0, daemon)
}

// makePassphrase makes the passphrase of the senders' secret keys, if there is none. It is no change that is noted: keys
// that were locked with it need it for ever.
func (s *setup) makePassphrase(gid int) error {
	if fileExists(deploy.Passphrase) {
		return nil
	}
	s.steps.making("the passphrase for secret keys, " + deploy.Passphrase + " (keep a copy: without it the keys are lost)")
	if s.steps.dryRun {
		return nil
	}
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return err
	}
	c := wiring.FileChange{Path: deploy.Passphrase, After: []byte(base64.StdEncoding.EncodeToString(secret[:]) + "\n"), Mode: 0o600}
	if !systemdRuns() {
		c.Mode, c.GID = 0o640, gid // nobody loads a credential
	}
	back, err := wiring.WriteAll([]wiring.FileChange{c})
	if err != nil {
		return err
	}
	s.steps.onFailure(func() error {
		// The daemon may have made a key meanwhile, which nobody could unlock without it.
		if used, err := os.ReadDir(s.config.State); err != nil || len(used) > 0 {
			s.steps.note("kept", deploy.Passphrase+", for there is state in "+s.config.State)
			return nil
		}
		return back()
	})
	return nil
}

// start has systemd run the daemon, and waits until it listens. Where there is no systemd it says the command.
func (s *setup) start(ctx context.Context, changed bool) error {
	if !systemdRuns() {
		if !listens(ctx, s.config.Listen) {
			s.steps.note("start", fmt.Sprintf("systemd does not run here; start sealmilter, or start it anew if it runs, as the user %s: %s", serviceUser, s.serveCommand()))
		}
		return nil
	}
	if !changed && listens(ctx, s.config.Listen) {
		return nil
	}
	commands := [][]string{{"systemctl", "daemon-reload"}, {"systemctl", "enable", serviceName}, {"systemctl", "restart", serviceName}}
	if !s.steps.dryRun {
		s.steps.onFailure(func() error {
			ctx := context.WithoutCancel(ctx)
			_, stopped := s.run(ctx, "systemctl", "disable", "--now", serviceName)
			return stopped
		})
	}
	if err := s.runAll(ctx, commands); err != nil || s.steps.dryRun {
		return err
	}
	const patience = 15 * time.Second
	for deadline := time.Now().Add(patience); !listens(ctx, s.config.Listen); {
		if time.Now().After(deadline) {
			return fmt.Errorf("sealmilter does not listen at %s after %v; see journalctl -u %s", s.config.Listen, patience, serviceName)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// serveCommand starts the daemon by hand.
func (s *setup) serveCommand() string {
	program, err := os.Executable()
	if err != nil {
		program = deploy.Program
	}
	return fmt.Sprintf("runuser -u %s -- %s serve -c %s", serviceUser, program, s.file)
}

// listens reports whether a server accepts connections at an address.
func listens(ctx context.Context, at config.Listen) bool {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, at.Network, at.Address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
