package keys

import (
	"context"
	"fmt"
	"io"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Import reads secret keys and certificates, mixed, as [Local.Import] reads certificates. A secret key becomes the
// sender key of the addresses in its User IDs and of options.For, and its certificate is imported with it. A locked
// key is unlocked with options.Passphrase or the configured passphrase. A secret key that cannot sign now is refused,
// its certificate is not.
func (s *Senders) Import(ctx context.Context, r io.Reader, options ImportOptions, report func(Imported)) error {
	configured, err := s.passphrase()
	if err != nil {
		return fmt.Errorf("import keys: %w", err)
	}
	secret := func(ctx context.Context, key *crypto.SecretKey) (Imported, error) {
		return s.importSecret(ctx, key, configured, options)
	}
	return s.local.importRing(ctx, r, options, secret, report)
}

// importSecret returns an error only for what ends the whole import.
func (s *Senders) importSecret(ctx context.Context, key *crypto.SecretKey, configured []byte, options ImportOptions) (Imported, error) {
	result := about(key.Cert())
	result.Secret = true
	atRest, refusal := s.relock(key, options.Passphrase, configured)
	err := s.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		if err := s.local.put(ctx, tx, key.Cert(), options.For, &result); err != nil || result.Outcome == Refused {
			return err
		}
		if refusal == nil {
			refusal = s.storedRevocation(ctx, tx, key.Fingerprint())
		}
		if refusal != nil {
			result.note("its certificate is %s", result.Outcome)
			result.refuse(refusal)
			return nil
		}
		return s.keep(ctx, tx, atRest, append(key.Cert().Addrs(), options.For...), &result)
	})
	if err != nil {
		return Imported{}, fmt.Errorf("import secret key %s: %w", key.Fingerprint(), err)
	}
	return result, nil
}

// relock returns a key that can sign as it is to be stored, or why it cannot be taken.
func (s *Senders) relock(key *crypto.SecretKey, own, configured []byte) (*crypto.SecretKey, error) {
	unlocked, err := unlock(key, own, configured)
	if err != nil {
		return nil, err
	}
	if _, err := unlocked.Signer(s.options.Now()); err != nil {
		return nil, fmt.Errorf("it cannot sign: %w", err)
	}
	if configured == nil {
		return unlocked, nil
	}
	return unlocked.Lock(configured, s.options.Rand)
}

func unlock(key *crypto.SecretKey, passphrases ...[]byte) (*crypto.SecretKey, error) {
	if !key.Locked() {
		return key, nil
	}
	err := fmt.Errorf("%w: give the one it was exported with", crypto.ErrLocked)
	for _, passphrase := range passphrases {
		if passphrase == nil {
			continue
		}
		var unlocked *crypto.SecretKey
		if unlocked, err = key.Unlock(passphrase); err == nil {
			return unlocked, nil
		}
	}
	return nil, err
}

// storedRevocation returns why the stored certificate is revoked, nil if it is not.
func (s *Senders) storedRevocation(ctx context.Context, tx *store.KeyTx, fingerprint string) error {
	row, err := tx.Certificate(ctx, fingerprint)
	if err != nil {
		return err
	}
	cert, err := parseStored(row)
	if err != nil {
		return err
	}
	return revocation(cert, s.options.Now())
}

// keep puts a secret key in its file and makes it the sender key of the addresses. The result tells of the
// certificate before and of the secret key after.
func (s *Senders) keep(ctx context.Context, tx *store.KeyTx, key *crypto.SecretKey, addrs []mail.Addr, result *Imported) error {
	before, err := s.files.read(key.Fingerprint())
	switch {
	case err != nil:
		result.Outcome = Added
	case before.Locked() != key.Locked() || string(before.Cert().Bytes()) != string(key.Cert().Bytes()):
		result.Outcome = Updated
	}
	if err := s.files.write(key); err != nil {
		return err
	}
	result.Unprotected = !key.Locked()
	for _, addr := range addrs {
		signed, err := tx.SetSender(ctx, addr.Key(), key.Fingerprint(), s.options.Now())
		if err != nil {
			return err
		}
		if signed != "" && signed != key.Fingerprint() {
			result.note("it takes the place of %s as the key of %s", signed, addr.Key())
		}
		if signed != key.Fingerprint() && result.Outcome == Unchanged {
			result.Outcome = Updated
		}
	}
	return nil
}
