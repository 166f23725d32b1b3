package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// secretFiles keeps secret keys in files.
type secretFiles struct {
	dir   secretDir
	store *store.Store // where keys may be from before
}

func (secretFiles) takes(*crypto.SecretKey) error { return nil }

func (secretFiles) raisesGeneration() bool { return false }

func (f secretFiles) gone(_ context.Context, fingerprints []string) []string {
	return slices.DeleteFunc(fingerprints, func(fingerprint string) bool {
		_, err := f.dir.stat(fingerprint)
		return err == nil
	})
}

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

// explain says what to do about a file that is missing or closed.
func (f secretFiles) explain(ctx context.Context, err error, fingerprint string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; give the file and its directory to the user that runs sealmilter serve", err)
	case !errors.Is(err, fs.ErrNotExist):
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

// maxSecretFile bounds what is read of a secret key file, in octets.
const maxSecretFile = 4 << 20

// secretDir is a directory with one file per secret key, and one for its revocation certificate. Only its owner may
// read it and them.
type secretDir string

func (d secretDir) path(fingerprint string) string {
	return filepath.Join(string(d), fingerprint+".pgp")
}

func (d secretDir) revocationPath(fingerprint string) string {
	return filepath.Join(string(d), fingerprint+".rev")
}

// stat returns the identity of a key's file without reading it.
func (d secretDir) stat(fingerprint string) (fs.FileInfo, error) {
	if !isFingerprint(fingerprint) {
		return nil, fmt.Errorf("%q is not a fingerprint", fingerprint)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	info, err := os.Lstat(d.path(fingerprint))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: restore it from a backup, or import the key again", err)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", d.path(fingerprint))
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others may read or write %s (mode %04o); chmod 0600 %[1]s", d.path(fingerprint), info.Mode().Perm())
	}
	return info, nil
}

// check refuses a directory that others may enter.
func (d secretDir) check() error {
	info, err := os.Stat(string(d))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: restore the directory from a backup, or import the keys again", err)
	case err != nil:
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others may enter %s (mode %04o); chmod 0700 %[1]s", d, mode)
	}
	return nil
}

// read returns the key as it is in its file, locked or not.
func (d secretDir) read(fingerprint string) (*crypto.SecretKey, error) {
	if _, err := d.stat(fingerprint); err != nil {
		return nil, err
	}
	f, err := os.Open(d.path(fingerprint))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return nil, err
	}
	key, err := crypto.ParseSecretKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; restore it from a backup, or import the key again", f.Name(), err)
	}
	if key.Fingerprint() != fingerprint {
		return nil, fmt.Errorf("%s holds another key, %s; restore it from a backup, or import the key again", f.Name(), key.Fingerprint())
	}
	return key, nil
}

// write puts the key in its file.
func (d secretDir) write(key *crypto.SecretKey) error {
	b, err := key.Bytes()
	if err != nil {
		return err
	}
	return d.replace(d.path(key.Fingerprint()), b)
}

// readRevocation returns the text of a key's revocation certificate, or an error that wraps [fs.ErrNotExist].
func (d secretDir) readRevocation(fingerprint string) ([]byte, error) {
	if !isFingerprint(fingerprint) {
		return nil, fmt.Errorf("%q is not a fingerprint", fingerprint)
	}
	return os.ReadFile(d.revocationPath(fingerprint))
}

// writeRevocation keeps a revocation certificate. The first one stays: all of them do the same.
func (d secretDir) writeRevocation(fingerprint string, text []byte) error {
	if _, err := d.readRevocation(fingerprint); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.replace(d.revocationPath(fingerprint), text)
}

// replace puts b in a file that only its owner may read: after a crash either the old file is there or the whole new
// one.
func (d secretDir) replace(path string, b []byte) (err error) {
	if err := os.Mkdir(string(d), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	f, err := os.CreateTemp(string(d), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return d.sync()
}

// remove deletes a key's file and reports whether there was one.
func (d secretDir) remove(fingerprint string) (bool, error) {
	if !isFingerprint(fingerprint) {
		return false, fmt.Errorf("%q is not a fingerprint", fingerprint)
	}
	err := os.Remove(d.path(fingerprint))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, errors.Join(err, d.sync())
}

// sync makes a rename or removal in the directory durable.
func (d secretDir) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
