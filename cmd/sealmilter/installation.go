package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// beginsAnew marks the command that may begin an empty database beside the secret keys of a lost one.
const beginsAnew = "begins-anew"

// installation is what the commands share: the configuration and what lies in the state directory.
type installation struct {
	config  *config.Config
	store   *store.Store
	local   *keys.Local
	senders *keys.Senders
	close   func() error
}

// loadConfig reads the file of -c, or the default one.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(file)
}

// configFile returns the file that a command's configuration comes from.
func configFile(cmd *cobra.Command) string {
	return cmp.Or(cmd.Flag("config").Value.String(), config.DefaultFile)
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
	if e == looks {
		return installed(premises.OpenCurrent(cmd.Context(), c))
	}
	return openState(cmd.Context(), c)
}

// openState opens the state directory of a configuration, making it if it is missing.
func openState(ctx context.Context, c *config.Config) (*installation, error) {
	return installed(premises.Open(ctx, c))
}

// installed returns the installation with an open state directory, unless that failed.
func installed(s *premises.State, err error) (*installation, error) {
	if err != nil {
		return nil, err
	}
	return &installation{config: s.Config, store: s.Store, local: s.Local, senders: s.Senders, close: s.Close}, nil
}

// directory returns the key directory of a configuration, which may be newer than that of the installation. Peek is for
// lookups that must change nothing.
func (i *installation) directory(c *config.Config, sources *premises.Sources, observer keys.Observer, peek bool) *keys.Directory {
	return keys.NewDirectory(i.store, sources.List, keys.Options{
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
		Signers:      i.senders,
		Composer: &pgpmime.Composer{
			Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader},
			Rand:   rand.Reader,
			Strip:  c.Headers.Strip,

			Confidentiality: confidentialityOf(c),
			LegacyDisplay:   c.Headers.LegacyDisplay,
		},
		Outbox: out,
		Passes: i.store,
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
