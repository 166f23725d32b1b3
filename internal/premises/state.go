package premises

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// passphraseCredential is the name of the systemd credential with the passphrase of the senders' secret keys.
const passphraseCredential = "sealmilter-passphrase"

// State is the open state directory of a configuration: the database, and the keys that are in it or beside it.
type State struct {
	Config  *config.Config
	Store   *store.Store
	Local   *keys.Local
	Senders *keys.Senders
}

// Open opens the state directory of a configuration, making it if it is missing, and brings the database up to date. The
// caller closes it.
func Open(ctx context.Context, c *config.Config) (*State, error) {
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w; create it for the user that runs sealmilter, or set state in the configuration", err)
	}
	s, err := store.OpenWithState(ctx, Database(c), c.State)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; %s has to belong to the user that runs sealmilter serve, and other commands are for that user and root", err, c.State)
	}
	if err != nil {
		return nil, err
	}
	return newState(c, s), nil
}

func newState(c *config.Config, s *store.Store) *State {
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
	return &State{c, s, local, senders}
}

// Close closes the database, and gives what root has made in the state directory to the owner of that.
func (s *State) Close() error { return errors.Join(s.Store.Close(), GiveBack(s.Config.State)) }

// Database returns the file or the URL of a configuration's database.
func Database(c *config.Config) string {
	if c.Database == "" {
		return filepath.Join(c.State, "sealmilter.db")
	}
	return c.Database
}
