package keys

import (
	"context"
	"errors"
	"io/fs"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// SecretPlace is where the senders' secret keys are kept.
type SecretPlace uint8

const (
	// InFiles keeps each in a file of a directory.
	InFiles SecretPlace = iota
	// InDatabase keeps them in the store, for hosts that share one. Only keys that a passphrase protects go there,
	// for copies of a database lie about in more places than those files.
	InDatabase
)

// ErrUnprotected says that a secret key would lie in the database without a passphrase.
var ErrUnprotected = errors.New("the database takes no secret key without a passphrase: set passphrase_file in [senders]")

// secretKeys is a [SecretPlace] at work. What takes a transaction takes part in it as far as it can.
type secretKeys interface {
	// takes returns why a key cannot be kept here, nil if it can.
	takes(key *crypto.SecretKey) error
	// raisesGeneration reports whether every change of a key raises the store's generation, so that its version need not be
	// asked for while that stays.
	raisesGeneration() bool
	// gone returns those of some fingerprints whose keys are no longer here. It leaves out those of which that cannot
	// be found out.
	gone(ctx context.Context, fingerprints []string) []string
	// version identifies the state of a key without reading it.
	version(ctx context.Context, fingerprint string) (secretVersion, error)
	// unchanged reports whether the version is still the one that counts.
	unchanged(ctx context.Context, tx *store.KeyTx, fingerprint string, version secretVersion) (bool, error)
	// read returns the key as it is kept, locked or not.
	read(ctx context.Context, fingerprint string) (*crypto.SecretKey, error)
	// write keeps the key: after a crash either the old one is there or the whole new one.
	write(ctx context.Context, tx *store.KeyTx, key *crypto.SecretKey) error
	// remove destroys a key, but not its revocation certificate, and reports whether there was one.
	remove(ctx context.Context, tx *store.KeyTx, fingerprint string) (bool, error)
	// revocation returns the text of a key's revocation certificate, or an error that wraps [fs.ErrNotExist].
	revocation(ctx context.Context, fingerprint string) ([]byte, error)
	// writeRevocation keeps a revocation certificate. The first one stays: all of them do the same.
	writeRevocation(ctx context.Context, tx *store.KeyTx, fingerprint string, text []byte) error
}

// secretVersion is equal for two states of a key that are the same.
type secretVersion struct {
	file     fs.FileInfo // nil for a key in the database
	revision int64
}

func (v secretVersion) same(other secretVersion) bool {
	if v.file == nil || other.file == nil {
		return v.file == nil && other.file == nil && v.revision != 0 && v.revision == other.revision
	}
	return sameFile(v.file, other.file)
}

func newSecretKeys(s *store.Store, o SendersOptions) secretKeys {
	if o.Place == InDatabase {
		return secretRows{store: s, now: o.Now, files: secretDir(o.Dir)}
	}
	return secretFiles{dir: secretDir(o.Dir), store: s}
}
