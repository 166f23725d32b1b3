package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/deploy"
	"sealmilter/internal/config"
	"sealmilter/internal/doctor"
	"sealmilter/internal/premises"
	"sealmilter/internal/systemd"
	"sealmilter/internal/wiring"
)

// setupFolder, with the name of the MTA behind it, holds the record of what was changed and the backups.
const setupFolder = "/etc/sealmilter/setup-"

// wirable is an MTA of this host that can be wired to sealmilter.
type wirable interface {
	Name() string
	// Changes returns what becomes of its files of settings. Errors wrap [wiring.ErrRefused] where the administrator has
	// to do something first.
	Changes(ctx context.Context, c *config.Config) ([]wiring.FileChange, error)
	// Unwired returns a file that was changed since, without what was added to it.
	Unwired(path string, now, before []byte, c *config.Config) []byte
	// Restore completes the changes that take it off again by files that are made of others.
	Restore(ctx context.Context, changes []wiring.FileChange) error
	// Commands returns what checks changed files and puts them in force.
	Commands(ctx context.Context) [][]string
	Check(c *config.Config) []wiring.Finding
	// ClientAddress is where clients hand in mail, host:port, "" if nowhere.
	ClientAddress() string
	// SocketGroup is the group that has to reach a socket of sealmilter, "" if the MTA runs as root.
	SocketGroup() string
}

func newSetup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup postfix|sendmail",
		Short: "Wire this host's MTA to sealmilter; --undo takes it back",
		Long: `Wire the MTA of this host to sealmilter, and install sealmilter as a service: user, configuration, state directory,
passphrase and systemd unit. What is set already stays; a second run changes nothing. At the end the settings are
checked, and a test message shows that the MTA asks sealmilter and takes its copies; nobody gets that message.

--dry-run prints what would change, and changes nothing. --undo brings back the files as they were, and leaves keys,
state, passphrase and user. What fails half-way is taken back.`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"postfix", "sendmail"},
	}
	dryRun := cmd.Flags().Bool("dry-run", false, "print what would change, and change nothing")
	undo := cmd.Flags().Bool("undo", false, "take back what setup has changed")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s := &setup{
			which:   args[0],
			journal: wiring.Journal{Dir: setupFolder + args[0]},
			run:     wiring.RunHere,
			steps:   &setupSteps{out: cmd.OutOrStdout(), asJSON: *asJSON, dryRun: *dryRun},
		}
		if *undo {
			return s.undo(cmd)
		}
		return s.install(cmd)
	}
	return cmd
}

// setup is one run of the command.
type setup struct {
	which   string
	mta     wirable
	config  *config.Config
	file    string // of the configuration
	journal wiring.Journal
	run     wiring.Run
	steps   *setupSteps
}

// findMTA looks for the MTA that was asked for.
func (s *setup) findMTA(ctx context.Context) error {
	var err error
	switch s.which {
	case "postfix":
		s.mta, err = wiring.FindPostfix(ctx, s.run)
	case "sendmail":
		s.mta, err = wiring.FindSendmail(ctx, s.run)
	default:
		err = wiring.ErrNoMTA
	}
	if errors.Is(err, wiring.ErrNoMTA) {
		next := "install its package first"
		if there := s.otherMTA(ctx); there != "" {
			next = "there is " + there + ": sealmilter setup " + there
		}
		return fmt.Errorf("there is no %s on this host: %w; %s", s.which, err, next)
	}
	return err
}

// otherMTA returns which MTA is installed instead of the one that was asked for, "" if there is none.
func (s *setup) otherMTA(ctx context.Context) string {
	if s.which == "sendmail" {
		if _, err := wiring.FindPostfix(ctx, s.run); err == nil {
			return "postfix"
		}
	} else if _, err := wiring.FindSendmail(ctx, s.run); err == nil {
		return "sendmail"
	}
	return ""
}

// prepare finds the MTA and the configuration.
func (s *setup) prepare(cmd *cobra.Command) error {
	if err := s.findMTA(cmd.Context()); err != nil {
		return err
	}
	if os.Geteuid() != 0 && !s.steps.dryRun {
		return errors.New("run setup as root: it changes the MTA's settings")
	}
	var err error
	if s.config, err = loadConfig(cmd); err != nil {
		return err
	}
	s.file, err = filepath.Abs(configFile(cmd))
	return err
}

// install wires the MTA.
func (s *setup) install(cmd *cobra.Command) (err error) {
	if err := s.prepare(cmd); err != nil {
		return err
	}
	s.steps.note("found", s.mta.Name())
	// The MTA's own settings come first, because they may be refused.
	changes, err := s.mta.Changes(cmd.Context(), s.config)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.steps.takeBack())
		}
	}()
	if err := s.installService(cmd.Context(), slices.ContainsFunc(changes, wiring.FileChange.Changes)); err != nil {
		return err
	}
	if err := s.wire(cmd.Context(), changes); err != nil {
		return err
	}
	if s.steps.dryRun {
		return s.steps.err
	}
	if !s.steps.changed {
		s.steps.note("unchanged", "everything was set up already")
	}
	proven, err := s.prove(cmd)
	if err == nil && !proven {
		s.steps.back = nil // the settings are safe as they are, and the findings say what is left to do
		err = errors.New("setup is done, and errors were found")
	}
	return err
}

// wire changes the MTA's settings and puts them in force.
func (s *setup) wire(ctx context.Context, changes []wiring.FileChange) error {
	commands := s.mta.Commands(ctx)
	changed, err := s.change(changes, func() error { return s.runAll(context.WithoutCancel(ctx), commands) })
	if err != nil || !changed {
		return err
	}
	return s.runAll(ctx, commands)
}

// change carries out changes of files, and reports whether there are any. Settle is called after they were taken back.
func (s *setup) change(changes []wiring.FileChange, settle func() error) (bool, error) {
	changed := false
	for _, c := range changes {
		if c.Changes() {
			changed = true
			s.steps.file(c, s.journal.Dir)
		}
	}
	if !changed || s.steps.dryRun {
		return changed, nil
	}
	back, err := s.journal.Apply(changes)
	if err != nil {
		return false, err
	}
	s.steps.onFailure(func() error { return errors.Join(back(), settle()) })
	return true, nil
}

// runAll runs commands until one fails; a dry run prints them.
func (s *setup) runAll(ctx context.Context, commands [][]string) error {
	for _, command := range commands {
		s.steps.command(command)
		if s.steps.dryRun {
			continue
		}
		if _, err := s.run(ctx, command[0], command[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// undo brings back what was there.
func (s *setup) undo(cmd *cobra.Command) (err error) {
	if err := s.prepare(cmd); err != nil {
		return err
	}
	changes, err := s.journal.Undo(func(path string, now, before []byte) []byte {
		if path == deploy.UnitFile || path == s.file {
			return now
		}
		s.steps.note("edited", path+" was changed since; only what setup has added is taken out")
		return s.mta.Unwired(path, now, before, s.config)
	})
	if err != nil {
		return err
	}
	if err := s.mta.Restore(cmd.Context(), changes); err != nil {
		return err
	}
	var ofMTA, ofService []wiring.FileChange
	for _, c := range changes {
		switch {
		case !c.Changes():
			if c.Path == deploy.UnitFile || c.Path == s.file {
				s.steps.note("kept", c.Path+", which was changed since")
			}
		case c.Path == deploy.UnitFile || c.Path == s.file:
			ofService = append(ofService, c)
		default:
			ofMTA = append(ofMTA, c)
		}
	}
	if len(changes) == 0 {
		s.steps.note("unchanged", "there is nothing to undo: setup has changed nothing on this host")
		return s.steps.err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.steps.takeBack())
		}
	}()
	if err := s.restore(cmd.Context(), ofMTA, ofService); err != nil {
		return err
	}
	if s.steps.dryRun {
		return s.steps.err
	}
	if err := s.journal.Clear(); err != nil {
		return err
	}
	if !systemd.Booted() && doctor.Listens(cmd.Context(), s.config.Listen) {
		s.steps.note("stop", "sealmilter, which still runs: nobody asks it any more")
	}
	s.steps.note("kept", strings.Join([]string{s.config.State + " with keys and state", deploy.Passphrase, "the user " + premises.ServiceUser}, ", "))
	return s.steps.err
}

// restore takes the MTA off sealmilter first, and then sealmilter away.
func (s *setup) restore(ctx context.Context, ofMTA, ofService []wiring.FileChange) error {
	write := func(changes []wiring.FileChange, commands [][]string) error {
		for _, c := range changes {
			s.steps.file(c, "")
		}
		if !s.steps.dryRun {
			back, err := wiring.WriteAll(changes)
			if err != nil {
				return err
			}
			s.steps.onFailure(func() error { return errors.Join(back(), s.runAll(context.WithoutCancel(ctx), commands)) })
		}
		return s.runAll(ctx, commands)
	}
	if len(ofMTA) > 0 {
		if err := write(ofMTA, s.mta.Commands(ctx)); err != nil {
			return err
		}
	}
	removed := false
	for _, c := range ofService {
		removed = removed || c.Path == deploy.UnitFile
	}
	if (removed || premises.PackagedUnit() != "") && systemd.Booted() {
		units := []string{premises.ServiceName}
		if premises.Exists(premises.EnabledSocket) {
			units = append(units, filepath.Base(premises.EnabledSocket)) // or it would hold the address, and start the service
		}
		if err := s.runAll(ctx, [][]string{append([]string{"systemctl", "disable", "--now"}, units...)}); err != nil {
			return err
		}
	}
	var reload [][]string
	if removed && systemd.Booted() {
		reload = [][]string{{"systemctl", "daemon-reload"}}
	}
	return write(ofService, reload)
}
