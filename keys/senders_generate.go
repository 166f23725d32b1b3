package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// DefaultLifetime is how long a generated key is valid unless the caller wants something else.
const DefaultLifetime = 3 * 365 * 24 * time.Hour

// GenerateOptions say what key [Senders.Generate] makes.
type GenerateOptions struct {
	// Name goes before the address in the User ID, if it is not empty.
	Name string
	// Lifetime is how long the key is valid; 0 means [DefaultLifetime].
	Lifetime  time.Duration
	Algorithm crypto.Algorithm
	// Replace has the key take the place of one that signs for the address already, in one step. That stays where
	// secret keys are kept, and its certificate is not revoked.
	Replace bool
}

// Generate makes a secret key for an address, the certificate for others to encrypt to it, and a revocation
// certificate ([Senders.Revocation]). It fails with
// [ErrHasSecretKey], and changes nothing, if the address has a secret key already that is not to be replaced, be it by
// another process in the very moment.
func (s *Senders) Generate(ctx context.Context, addr mail.Addr, options GenerateOptions) (SenderKey, error) {
	switch _, err := s.store.Sender(ctx, addr.Key()); {
	case err == nil && !options.Replace:
		return SenderKey{}, fmt.Errorf("generate a key for %s: %w", addr, ErrHasSecretKey)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return SenderKey{}, fmt.Errorf("generate a key for %s: %w", addr, err)
	}
	now := s.options.Now()
	key, err := crypto.Generate(addr, crypto.GenerateOptions{
		Name:      options.Name,
		Now:       now,
		Rand:      s.options.Rand,
		Lifetime:  cmp.Or(options.Lifetime, DefaultLifetime),
		Algorithm: options.Algorithm,
	})
	if err != nil {
		return SenderKey{}, err
	}
	key, former, err := s.adopt(ctx, addr, key, options.Replace, now)
	if err != nil {
		return SenderKey{}, fmt.Errorf("generate a key for %s: %w", addr, err)
	}
	return SenderKey{Address: addr.Key(), Fingerprint: key.Fingerprint(), Former: former, Created: now, Cert: key.Cert(), Locked: key.Locked()}, nil
}

// adopt stores a new key as that of an address, and returns it as it was stored, with the fingerprint of the former
// one, "" for none. Unless that may be replaced, there must be none.
func (s *Senders) adopt(ctx context.Context, addr mail.Addr, key *crypto.SecretKey, replace bool, now time.Time) (_ *crypto.SecretKey, former string, err error) {
	passphrase, err := s.passphrase()
	if err != nil {
		return nil, "", err
	}
	revocation, err := key.RevocationCertificate(now, s.options.Rand)
	if err != nil {
		return nil, "", err
	}
	if passphrase != nil {
		if key, err = key.Lock(passphrase, s.options.Rand); err != nil {
			return nil, "", err
		}
	}
	if err := s.secrets.takes(key); err != nil {
		return nil, "", err
	}
	err = s.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		result := about(key.Cert())
		if err := s.local.put(ctx, tx, key.Cert(), nil, &result); err != nil {
			return err
		}
		var err error
		former, err = tx.SetSender(ctx, addr.Key(), key.Fingerprint(), now)
		switch {
		case err != nil:
			return err
		case former != "" && !replace:
			return ErrHasSecretKey
		case result.Err != nil:
			return result.Err
		}
		if _, err := tx.SetSenderOrigin(ctx, key.Fingerprint(), true); err != nil {
			return err
		}
		if err := pinOwn(ctx, tx, addr, key.Fingerprint(), now); err != nil {
			return err
		}
		if err := s.secrets.writeRevocation(ctx, tx, key.Fingerprint(), revocation); err != nil {
			return err
		}
		return s.secrets.write(ctx, tx, key)
	})
	return key, former, err
}
