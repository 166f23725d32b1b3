package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// secretFiles keeps secret keys in files.
type secretFiles struct {
	dir   secretDir
	store *store.Store // where keys may be from before
}

func (secretFiles) takes(*crypto.SecretKey) error { return nil }

func (f secretFiles) version(ctx context.Context, fingerprint string) (secretVersion, error) {
	info, err := f.dir.stat(fingerprint)
	return secretVersion{file: info}, f.explain(ctx, err, fingerprint)
}

func (f secretFiles) unchanged(_ context.Context, _ *store.KeyTx, fingerprint string, version secretVersion) (bool, error) {
	info, err := f.dir.stat(fingerprint)
	return err == nil && version.same(secretVersion{file: info}), err
}

func (f secretFiles) read(ctx context.Context, fingerprint string) (*crypto.SecretKey, error) {
	key, err := f.dir.read(fingerprint)
	return key, f.explain(ctx, err, fingerprint)
}

// explain says what to do when there is no file.
func (f secretFiles) explain(ctx context.Context, err error, fingerprint string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, rowErr := f.store.SecretRevision(ctx, fingerprint); rowErr == nil {
		return fmt.Errorf(`it is in the database, but the configuration keeps secret keys in files (%w): `+
			`set secrets = "database" in [senders], export the key, and import it again after changing that back`, err)
	}
	return err
}

func (f secretFiles) write(_ context.Context, _ *store.KeyTx, key *crypto.SecretKey) error {
	return f.dir.write(key)
}

func (f secretFiles) remove(_ context.Context, _ *store.KeyTx, fingerprint string) (bool, error) {
	return f.dir.remove(fingerprint)
}

func (f secretFiles) revocation(_ context.Context, fingerprint string) ([]byte, error) {
	return f.dir.readRevocation(fingerprint)
}

func (f secretFiles) writeRevocation(_ context.Context, _ *store.KeyTx, fingerprint string, text []byte) error {
	return f.dir.writeRevocation(fingerprint, text)
}
