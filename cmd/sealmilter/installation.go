package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// passphraseCredential is the name of the systemd credential with the passphrase of the senders' secret keys.
const passphraseCredential = "sealmilter-passphrase"

// beginsAnew marks the command that may begin an empty database beside the secret keys of a lost one.
const beginsAnew = "begins-anew"

// installation is what the commands share: the configuration and what lies in the state directory.
type installation struct {
	config  *config.Config
	store   *store.Store
	local   *keys.Local
	senders *keys.Senders
}

// loadConfig reads the file of -c, or the default one.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(file)
}

// openInstallation opens the state directory that cmd's configuration names. The caller closes it.
func openInstallation(cmd *cobra.Command) (*installation, error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	if err := lostDatabase(c); err != nil && cmd.Annotations[beginsAnew] == "" {
		return nil, err
	}
	return openState(cmd.Context(), c)
}

// openState opens the state directory of a configuration, making it if it is missing.
func openState(ctx context.Context, c *config.Config) (*installation, error) {
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w; create it for the user that runs sealmilter, or set state in the configuration", err)
	}
	s, err := store.OpenWithState(ctx, databaseOf(c), c.State)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; %s has to belong to the user that runs sealmilter serve, and other commands are for that user and root", err, c.State)
	}
	if err != nil {
		return nil, err
	}
	local := keys.NewLocal(s, time.Now)
	place := keys.InFiles
	if c.Senders.Secrets == config.SecretDatabase {
		place = keys.InDatabase
	}
	senders := keys.NewSenders(s, local, keys.SendersOptions{
		Place: place,
		Dir:   filepath.Join(c.State, "secret"),
		Passphrase: func() ([]byte, error) {
			return keys.ReadPassphrase(c.Senders.PassphraseFile, passphraseCredential)
		},
		Now:  time.Now,
		Rand: rand.Reader,
	})
	return &installation{config: c, store: s, local: local, senders: senders}, nil
}

// databaseOf returns the file or the URL of a configuration's database.
func databaseOf(c *config.Config) string {
	if c.Database == "" {
		return filepath.Join(c.State, "sealmilter.db")
	}
	return c.Database
}

// directory returns the key directory of a configuration, which may be newer than that of the installation. Peek is for
// lookups that must change nothing.
func (i *installation) directory(c *config.Config, sources *keySources, observer keys.Observer, peek bool) *keys.Directory {
	return keys.NewDirectory(i.store, sources.list, keys.Options{
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

func (i *installation) close() error { return errors.Join(i.store.Close(), giveBack(i.config.State)) }
