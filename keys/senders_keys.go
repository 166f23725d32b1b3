package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// SenderKey is the secret key of an address, without the secret.
type SenderKey struct {
	Address     string // as it is looked up
	Fingerprint string
	// Former is the fingerprint of the key that it has replaced, where [Senders.Generate] has just done so.
	Former string
	// Created is when it became the key of this address.
	Created time.Time
	// Cert and Locked are those of the key as it is stored, unless Err says why it cannot be read.
	Cert   *crypto.Cert
	Locked bool
	Err    error
	// Revoked is why the key must not be used although it can be read: the store knows of a revocation.
	Revoked error
}

// List returns the secret keys by address. A key for several addresses is listed for each.
func (s *Senders) List(ctx context.Context) ([]SenderKey, error) {
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]SenderKey, len(rows))
	for i, row := range rows {
		keys[i] = SenderKey{Address: row.Address, Fingerprint: row.Fingerprint, Created: row.Created}
		key, err := s.secrets.read(ctx, row.Fingerprint)
		if err != nil {
			keys[i].Err = err
			continue
		}
		keys[i].Cert, keys[i].Locked = key.Cert(), key.Locked()
		keys[i].Revoked = s.checkNotRevoked(ctx, row.Fingerprint)
	}
	return keys, nil
}

// Export writes the secret key of an address or with a fingerprint in ASCII armor, locked as it is stored.
// Errors wrap [ErrNoSecretKey] if there is none.
func (s *Senders) Export(ctx context.Context, w io.Writer, which string) error {
	fingerprint, err := s.fingerprint(ctx, which)
	if err != nil {
		return err
	}
	key, err := s.secrets.read(ctx, fingerprint)
	if err != nil {
		return fmt.Errorf("export secret key %s: %w", fingerprint, err)
	}
	return key.WriteArmored(w)
}

// fingerprint returns that of the secret key of an address, or which itself if it is one.
func (s *Senders) fingerprint(ctx context.Context, which string) (string, error) {
	fingerprint, addr, err := parseWhich(which)
	if err != nil || fingerprint != "" {
		return fingerprint, err
	}
	sender, err := s.store.Sender(ctx, addr.Key())
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("%w for %s", ErrNoSecretKey, which)
	}
	return sender.Fingerprint, err
}

// Remove takes the secret key from an address, or the one with a fingerprint from all its addresses, and destroys it
// when no address has it any more. Its certificate stays, and so does the revocation certificate. Errors wrap
// [ErrNoSecretKey] if there is none.
func (s *Senders) Remove(ctx context.Context, which string) error {
	fingerprint, addr, err := parseWhich(which)
	if err != nil {
		return err
	}
	found := false
	err = s.store.UpdateKeys(ctx, func(tx *store.KeyTx) (err error) {
		if fingerprint != "" {
			found, err = tx.RemoveSendersOf(ctx, fingerprint)
		} else {
			var inUse bool
			fingerprint, inUse, err = tx.RemoveSender(ctx, addr.Key())
			if found = err == nil; errors.Is(err, store.ErrNotFound) || inUse {
				return nil
			}
		}
		if err != nil {
			return err
		}
		destroyed, err := s.secrets.remove(ctx, tx, fingerprint)
		found = found || destroyed
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("remove the secret key of %s: %w", which, err)
	case !found:
		return fmt.Errorf("%w for %s", ErrNoSecretKey, which)
	}
	s.forget(fingerprint)
	return nil
}
