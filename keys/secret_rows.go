package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// secretRows keeps secret keys in the database.
type secretRows struct {
	store *store.Store
	now   func() time.Time
	files secretDir // where keys may be from before
}

func (secretRows) takes(key *crypto.SecretKey) error {
	if !key.Locked() {
		return ErrUnprotected
	}
	return nil
}

func (secretRows) raisesGeneration() bool { return true }

func (r secretRows) gone(ctx context.Context, fingerprints []string) []string {
	here, err := r.store.SecretFingerprints(ctx)
	if err != nil {
		return nil // whoever uses one of them finds out
	}
	return slices.DeleteFunc(fingerprints, func(fingerprint string) bool {
		_, found := slices.BinarySearch(here, fingerprint)
		return found
	})
}

func (r secretRows) version(ctx context.Context, fingerprint string) (secretVersion, error) {
	revision, err := r.store.SecretRevision(ctx, fingerprint)
	if err != nil {
		return secretVersion{}, r.explain(err, fingerprint)
	}
	return secretVersion{revision: revision}, nil
}

func (r secretRows) unchanged(ctx context.Context, tx *store.KeyTx, fingerprint string, version secretVersion) (bool, error) {
	revision, err := tx.SecretRevision(ctx, fingerprint)
	return err == nil && version.same(secretVersion{revision: revision}), err
}

func (r secretRows) read(ctx context.Context, fingerprint string) (*crypto.SecretKey, error) {
	row, err := r.store.Secret(ctx, fingerprint)
	if err != nil {
		return nil, r.explain(err, fingerprint)
	}
	key, err := crypto.ParseSecretKey(row.Blob)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the row in the database cannot be read: %w; import the key again", err)
	case key.Fingerprint() != fingerprint:
		return nil, fmt.Errorf("the row in the database holds another key, %s; import the right one again", key.Fingerprint())
	}
	return key, nil
}

// explain says what to do when there is no row.
func (r secretRows) explain(err error, fingerprint string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, statErr := r.files.stat(fingerprint); statErr == nil {
		path := r.files.path(fingerprint)
		return fmt.Errorf("it is in the file %s, but the configuration keeps secret keys in the database: sealmilter keys import %[1]s", path)
	}
	return errors.New("it is not in the database: restore that from a backup, or import the key again")
}

func (r secretRows) write(ctx context.Context, tx *store.KeyTx, key *crypto.SecretKey) error {
	if err := r.takes(key); err != nil {
		return err
	}
	b, err := key.Bytes()
	if err != nil {
		return err
	}
	return tx.PutSecret(ctx, key.Fingerprint(), b, r.now())
}

func (r secretRows) remove(ctx context.Context, tx *store.KeyTx, fingerprint string) (bool, error) {
	return tx.RemoveSecret(ctx, fingerprint)
}

func (r secretRows) revocation(ctx context.Context, fingerprint string) ([]byte, error) {
	text, err := r.store.SecretRevocation(ctx, fingerprint)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fs.ErrNotExist
	}
	return []byte(text), err
}

func (r secretRows) writeRevocation(ctx context.Context, tx *store.KeyTx, fingerprint string, text []byte) error {
	return tx.PutSecretRevocation(ctx, fingerprint, string(text))
}
