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

	looks bool // nothing was made that would have to change its owner
}

// Open opens the state directory of a configuration, making it if it is missing, and brings the database up to date. The
// caller closes it.
func Open(ctx context.Context, c *config.Config) (*State, error) {
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, stateError(err)
	}
	s, err := store.OpenWithState(ctx, Database(c), c.State)
	return newState(c, s, err)
}

// OpenCurrent is like [Open] for a command that is asked a question: a database of an older program, with which that
// still may work, is a [*store.OlderSchema] and stays as it is.
func OpenCurrent(ctx context.Context, c *config.Config) (*State, error) {
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, stateError(err)
	}
	s, err := store.OpenCurrent(ctx, Database(c), c.State)
	var older *store.OlderSchema
	if errors.As(err, &older) {
		err = fmt.Errorf("%w; to be able to go back, back it up before: %s", err, BackUp(c, older.Schema))
	}
	return newState(c, s, err)
}

// Look opens the state directory of a configuration to read it, and changes nothing. What is not there is
// [fs.ErrNotExist], and a database of another program is not opened, see [store.Look]. The caller closes it.
func Look(ctx context.Context, c *config.Config) (*State, error) {
	s, err := store.Look(ctx, Database(c))
	state, err := newState(c, s, err)
	if err == nil {
		state.looks = true
	}
	return state, err
}

func stateError(err error) error {
	return fmt.Errorf("state directory: %w; create it for the user that runs sealmilter, or set state in the configuration", err)
}

// newState returns the state directory with an open database, unless that failed.
func newState(c *config.Config, s *store.Store, err error) (*State, error) {
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
	return &State{Config: c, Store: s, Local: local, Senders: senders}, nil
}

// Close closes the database, and gives what root has made in the state directory to the owner of that.
func (s *State) Close() error {
	err := s.Store.Close()
	if s.looks {
		return err
	}
	return errors.Join(err, GiveBack(s.Config.State))
}

// Database returns the file or the URL of a configuration's database.
func Database(c *config.Config) string {
	if c.Database == "" {
		return filepath.Join(c.State, "sealmilter.db")
	}
	return c.Database
}
