package main

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/internal/premises"
	"sealmilter/keys"
)

// beginsAnew marks the command that may begin an empty database beside the secret keys of a lost one.
const beginsAnew = "begins-anew"

// installation is what most commands work on: the state directory of a configuration, and what is made of the two.
type installation struct{ *premises.State }

// effect says whether a command may pin certificates, record conflicts, and bring an older database up to date.
type effect bool

const (
	looks   effect = false // its lookups leave no trace but in the cache
	changes effect = true
)

// withInstallation runs work between opening and closing the installation of the command's configuration.
func withInstallation(cmd *cobra.Command, e effect, work func(*installation) error) (err error) {
	i, err := openInstallation(cmd, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	return work(i)
}

// openInstallation opens the state directory that cmd's configuration names. The caller closes it.
func openInstallation(cmd *cobra.Command, e effect) (*installation, error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	if err := premises.Lost(c); err != nil && cmd.Annotations[beginsAnew] == "" {
		return nil, err
	}
	open := premises.Open
	if e == looks {
		open = premises.OpenCurrent
	}
	state, err := open(cmd.Context(), c)
	if err != nil {
		return nil, err
	}
	return &installation{state}, nil
}

// withDirectory runs work with the key directory of the command's configuration.
func withDirectory(cmd *cobra.Command, e effect, work func(*installation, *keys.Directory) error) error {
	return withInstallation(cmd, e, func(i *installation) (err error) {
		sources, err := premises.OpenSources(i.Config, i.Local)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sources.Close()) }()
		return work(i, i.directory(i.Config, sources, nil, e == looks))
	})
}

// directory returns the key directory of a configuration, which may be newer than that of the installation. Peek is for
// lookups that must change nothing.
func (i *installation) directory(c *config.Config, sources *premises.Sources, observer keys.Observer, peek bool) *keys.Directory {
	return keys.NewDirectory(i.Store, sources.List, keys.Options{
		Timeout:  c.Keys.Timeout,
		Fresh:    c.Keys.Fresh,
		Absent:   c.Keys.Absent,
		Retry:    c.Keys.Retry,
		Refresh:  c.Keys.Refresh,
		Map:      c.Keys.Map,
		Peek:     peek,
		Now:      time.Now,
		Observer: observer,
	})
}

// gate returns the gate for a configuration. The outbox stays the same as long as the program runs, because it knows
// its own connections to the MTA.
func (i *installation) gate(c *config.Config, certificates *keys.Directory, smime *keys.SMIME, out *outbox.Outbox, log *slog.Logger) *gate.Gate {
	return &gate.Gate{
		Config:       c,
		Certificates: certificates,
		SMIME:        smime,
		Signers:      i.Senders,
		Composer: &pgpmime.Composer{
			Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader},
			Rand:   rand.Reader,
			Strip:  c.Headers.Strip,

			Confidentiality: confidentialityOf(c),
			LegacyDisplay:   c.Headers.LegacyDisplay,
		},
		Outbox: out,
		Passes: i.Store,
		Now:    time.Now,
		Rand:   rand.Reader,
		Log:    log,
	}
}

// confidentialityOf returns what encrypted copies hide of the header. What is none of the choices hides most.
func confidentialityOf(c *config.Config) pgpmime.Confidentiality {
	switch c.Headers.Confidentiality {
	case config.Baseline:
		return pgpmime.Baseline
	case config.NoConfidentiality:
		return pgpmime.NoConfidentiality
	default:
		return pgpmime.Shy
	}
}
