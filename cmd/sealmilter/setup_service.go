package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealmilter/deploy"
	"sealmilter/internal/doctor"
	"sealmilter/internal/premises"
	"sealmilter/internal/systemd"
	"sealmilter/internal/wiring"
)

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
	uid, gid := lookupUser(premises.ServiceUser)
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
	if err := s.adoptState(premises.Owner{UID: uid, GID: gid}); err != nil {
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
	if packaged := premises.PackagedUnit(); packaged == "" {
		unit.After = []byte(deploy.Unit(deploy.UnitOptions{Program: program, ConfigFile: s.file, State: s.config.State, Credential: credential}))
	} else {
		if err := s.packagedWrites(ctx); err != nil {
			return err
		}
		s.steps.note("kept", packaged+", the unit of the package")
	}
	if err := s.makeFolder(folder{filepath.Dir(deploy.UnitFile), 0o755, 0, 0}); err != nil {
		return err
	}
	reload := func() error { // the unit that is back
		if !systemd.Booted() {
			return nil
		}
		_, err := s.run(context.WithoutCancel(ctx), "systemctl", "daemon-reload")
		return err
	}
	if _, err := s.change([]wiring.FileChange{configuration, unit}, reload); err != nil {
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

// packagedWrites makes sure that the package's unit lets the daemon write to its state directory.
func (s *setup) packagedWrites(ctx context.Context) error {
	if s.config.State == deploy.State || !systemd.Booted() {
		return nil
	}
	writable, err := s.run(ctx, "systemctl", "show", "--value", "--property=ReadWritePaths", premises.ServiceName)
	if err != nil || slices.Contains(strings.Fields(string(writable)), s.config.State) {
		return err
	}
	return fmt.Errorf("the unit of the package does not let sealmilter write to %s; type systemctl edit sealmilter, write the two lines [Service] and "+
		"ReadWritePaths=%[1]s there, and run setup again", s.config.State)
}

// makeUser makes the system user and group that run the daemon.
func (s *setup) makeUser(ctx context.Context) error {
	if _, err := user.Lookup(premises.ServiceUser); err == nil {
		return nil
	}
	s.steps.making("the system user " + premises.ServiceUser)
	err := s.runAll(ctx, [][]string{{"useradd", "--system", "--user-group", "--home-dir", s.config.State, "--no-create-home", "--shell", "/usr/sbin/nologin", premises.ServiceUser}})
	if err == nil && !s.steps.dryRun {
		s.steps.onFailure(func() error {
			if premises.Exists(s.config.State) {
				// The number would be given to the next user who is made, and the files with it.
				s.steps.note("kept", fmt.Sprintf("the user %s, who owns %s", premises.ServiceUser, s.config.State))
				return nil
			}
			_, err := s.run(context.WithoutCancel(ctx), "userdel", premises.ServiceUser)
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
	if premises.Exists(f.path) {
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
func (s *setup) adoptState(daemon premises.Owner) error {
	roots, err := premises.IsStateOfRoot(s.config.State)
	if err != nil || !roots {
		return err
	}
	s.steps.giving(s.config.State + " to the user " + premises.ServiceUser + ", with what root's commands have put into it")
	if s.steps.dryRun {
		return nil
	}
	s.steps.onFailure(func() error { return premises.HandOver(s.config.State, daemon.UID, premises.Owner{}) })
	return premises.HandOver(s.config.State, 0, daemon)
}

// makePassphrase makes the passphrase of the senders' secret keys, if there is none. It is no change that is noted: keys
// that were locked with it need it for ever.
func (s *setup) makePassphrase(gid int) error {
	if premises.Exists(deploy.Passphrase) {
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
	if !systemd.Booted() {
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
	if !systemd.Booted() {
		if !doctor.Listens(ctx, s.config.Listen) {
			s.steps.note("start", fmt.Sprintf("systemd does not run here; start sealmilter, or start it anew if it runs, as the user %s: %s", premises.ServiceUser, s.serveCommand()))
		}
		return nil
	}
	if !changed && doctor.Listens(ctx, s.config.Listen) {
		return nil
	}
	commands := [][]string{{"systemctl", "daemon-reload"}, {"systemctl", "enable", premises.ServiceName}, {"systemctl", "restart", premises.ServiceName}}
	if !s.steps.dryRun {
		// Where the MTA asks it already, systemd tries to start it until it runs with what is taken back.
		if !premises.Exists(premises.EnabledService) {
			s.steps.onFailure(func() error {
				_, stopped := s.run(context.WithoutCancel(ctx), "systemctl", "disable", "--now", premises.ServiceName)
				return stopped
			})
		}
	}
	if err := s.runAll(ctx, commands); err != nil {
		return s.withReason(ctx, err)
	} else if s.steps.dryRun {
		return nil
	}
	const patience = 15 * time.Second
	for deadline := time.Now().Add(patience); !doctor.Listens(ctx, s.config.Listen); {
		if time.Now().After(deadline) {
			return fmt.Errorf("sealmilter does not listen at %s after %v; see journalctl -u %s", s.config.Listen, patience, premises.ServiceName)
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// withReason adds what the daemon has said last, which systemctl points at only.
func (s *setup) withReason(ctx context.Context, failed error) error {
	said, err := s.run(ctx, "journalctl", "--unit="+premises.ServiceName, "--identifier=sealmilter", "--lines=1", "--output=cat", "--no-pager")
	if text := strings.TrimSpace(string(said)); err == nil && text != "" {
		return fmt.Errorf("%w\n%s", failed, text)
	}
	return failed
}

// serveCommand starts the daemon by hand.
func (s *setup) serveCommand() string {
	program, err := os.Executable()
	if err != nil {
		program = deploy.Program
	}
	return fmt.Sprintf("runuser -u %s -- %s serve -c %s", premises.ServiceUser, program, s.file)
}
