package mta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sealmilter/internal/lab"
)

// Config says what to measure.
type Config struct {
	// Variants are those to compare; nil means all.
	Variants []Variant
	// Loads are measured one after the other, each in so many Rounds.
	Loads  []Load
	Rounds int
	// Program is the sealmilter to measure; "" builds one.
	Program string
	// Profiles is the folder to which a processor profile of each sealmilter is written (VARIANT.pprof), which covers all of
	// its work. "" is for none; profiles need a program that is built here.
	Profiles string
	// Progress gets a line for each step that takes long; nil discards them.
	Progress io.Writer
}

// ErrLoad is the error of a [Load] without messages, recipients or sessions, or with more than 1000 recipients.
var ErrLoad = errors.New("mta: such a load cannot be measured")

type programs struct{ sealmilter, noop string }

// Run measures. It starts private instances of Postfix, so it must run as root, on a Debian that has Postfix or can
// fetch it.
func Run(ctx context.Context, c Config) (all []Figures, err error) {
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Variants == nil {
		c.Variants = Variants()
	}
	for _, load := range c.Loads {
		if load.Recipients < 1 || load.Recipients > mostRecipients || load.Messages < 1 || load.Sessions < 1 {
			return nil, fmt.Errorf("%w: %+v", ErrLoad, load)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "sealmilter-bench-") // a Unix socket's path is short, and other accounts walk to it
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	sites, err := startSites(ctx, c, dir)
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.close())
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("measure Postfix: %w", err)
	}
	if all, err = measure(ctx, c, sites); err != nil {
		return nil, fmt.Errorf("measure Postfix: %w", err)
	}
	return all, writeProfiles(ctx, sites, dir, c.Profiles)
}

// startSites returns the sites that have been started even if not all of them could be.
func startSites(ctx context.Context, c Config, dir string) (sites []*site, err error) {
	programs := programs{sealmilter: c.Program}
	if programs.noop, err = lab.Build(ctx, dir, "sealmilter/internal/lab/bench/mta/noop"); err != nil {
		return nil, err
	}
	if programs.sealmilter == "" {
		if programs.sealmilter, err = build(ctx, dir, c.Profiles != ""); err != nil {
			return nil, err
		}
	}
	if err := makeState(ctx, programs.sealmilter, dir); err != nil {
		return nil, err
	}
	for _, v := range c.Variants {
		fmt.Fprintln(c.Progress, "Starting Postfix:", v)
		s, err := startSite(ctx, v, dir, programs, c.Progress)
		if err != nil {
			return sites, err
		}
		sites = append(sites, s)
	}
	return sites, nil
}

// measure has the variants take turns, and each round begin with another one.
func measure(ctx context.Context, c Config, sites []*site) ([]Figures, error) {
	run := time.Now().UnixNano()
	var all []Figures
	for _, load := range c.Loads {
		warm := load
		warm.Messages = min(load.Messages, max(2*load.Sessions, 10)) // processes start, and keys are remembered
		for _, s := range sites {
			run++
			if _, err := s.work(ctx, newLetters(warm, run)); err != nil {
				return nil, err
			}
		}
		for round := range c.Rounds {
			fmt.Fprintf(c.Progress, "%+v: round %d of %d\n", load, round+1, c.Rounds)
			for i := range sites {
				run++
				f, err := sites[(round+i)%len(sites)].work(ctx, newLetters(load, run))
				if err != nil {
					return nil, err
				}
				f.Round = round
				all = append(all, f)
			}
		}
	}
	return all, nil
}
