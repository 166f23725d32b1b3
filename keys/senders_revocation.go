package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"sealmilter/internal/store"
)

// Revocation writes the revocation certificate of the secret key of an address or with a fingerprint, with a text that
// says how to use it ([crypto.SecretKey.RevocationCertificate]). It was made when the key came, and stays when the
// secret key is removed; where there is none yet, it is made and kept now. Errors wrap [ErrNoSecretKey] if there is
// neither a certificate nor a key to make it with.
func (s *Senders) Revocation(ctx context.Context, w io.Writer, which string) error {
	fingerprint, err := s.fingerprint(ctx, which)
	if err != nil {
		return err
	}
	text, err := s.secrets.revocation(ctx, fingerprint)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = s.makeRevocation(ctx, fingerprint)
	}
	if err != nil {
		return fmt.Errorf("revocation certificate of %s: %w", fingerprint, err)
	}
	_, err = w.Write(text)
	return err
}

func (s *Senders) makeRevocation(ctx context.Context, fingerprint string) ([]byte, error) {
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(rows, func(row store.Sender) bool { return row.Fingerprint == fingerprint }) {
		return nil, ErrNoSecretKey
	}
	key, err := s.readUnlocked(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	text, err := key.RevocationCertificate(s.options.Now(), s.options.Rand)
	if err != nil {
		return nil, err
	}
	return text, s.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		return s.secrets.writeRevocation(ctx, tx, fingerprint, text)
	})
}
