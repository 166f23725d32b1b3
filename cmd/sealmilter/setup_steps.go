package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"sealmilter/internal/wiring"
)

// setupSteps prints what setup does, or in a dry run would do, and remembers how to take it back.
type setupSteps struct {
	out     io.Writer
	asJSON  bool
	dryRun  bool
	changed bool
	back    []func() error
	err     error // of printing
}

// setupLine is one step for programs.
type setupLine struct {
	Do      string `json:"do"` // change, run, make, give, or a word about what was found
	Dry     bool   `json:"dry_run,omitempty"`
	What    string `json:"what"`
	Diff    string `json:"diff,omitempty"`
	Backups string `json:"backups,omitempty"`
}

func (s *setupSteps) print(l setupLine) {
	var err error
	switch {
	case s.asJSON:
		l.Dry = s.dryRun
		err = printJSON(s.out, l)
	case l.Diff != "" && s.dryRun:
		_, err = io.WriteString(s.out, l.Diff)
	case l.Backups != "":
		_, err = fmt.Fprintf(s.out, "%-9s %s (what was there is in %s)\n", l.Do, l.What, l.Backups)
	default:
		_, err = fmt.Fprintf(s.out, "%-9s %s\n", l.Do, l.What)
	}
	s.err = errors.Join(s.err, err)
}

// note says something that is no change.
func (s *setupSteps) note(word, what string) { s.print(setupLine{Do: word, What: what}) }

// file says that a file changes; backups is where its old content is kept, "" for nowhere.
func (s *setupSteps) file(c wiring.FileChange, backups string) {
	s.changed = true
	l := setupLine{Do: "change", What: c.Path, Diff: c.Diff(), Backups: backups}
	switch {
	case c.Before == nil:
		l.Do, l.Backups = "create", ""
	case c.After == nil:
		l.Do, l.Backups = "remove", ""
	}
	s.print(l)
}

// making says that something comes into being that is no file of settings.
func (s *setupSteps) making(what string) {
	s.changed = true
	s.print(setupLine{Do: "make", What: what})
}

// giving says that something gets another owner.
func (s *setupSteps) giving(what string) {
	s.changed = true
	s.print(setupLine{Do: "give", What: what})
}

// command says that a command is run.
func (s *setupSteps) command(command []string) {
	s.print(setupLine{Do: "run", What: strings.Join(command, " ")})
}

// onFailure remembers how to take back a step that was done.
func (s *setupSteps) onFailure(back func() error) { s.back = append(s.back, back) }

// takeBack takes back all steps, the last one first, and says so.
func (s *setupSteps) takeBack() error {
	if len(s.back) == 0 {
		return nil
	}
	s.note("failed", "everything is taken back")
	var failures []error
	for i := len(s.back) - 1; i >= 0; i-- {
		if err := s.back[i](); err != nil {
			failures = append(failures, fmt.Errorf("take back: %w", err))
		}
	}
	s.back = nil
	return errors.Join(failures...)
}
