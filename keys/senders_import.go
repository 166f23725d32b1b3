package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Import reads secret keys and certificates, mixed, as [Local.Import] reads certificates. A secret key becomes the
// sender key of the addresses in its User IDs and of options.For, and its certificate is imported with it. A former key
// that was known before takes back the places of options.For alone, so that all keys can be stored once more, such as
// under another passphrase. A locked key is unlocked with options.Passphrase or the configured passphrase. A secret key
// that cannot sign now is refused, its certificate is not.
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
	rest, refusal := s.relock(key, options.Passphrase, configured)
	if refusal == nil {
		rest.before, _ = s.secrets.read(ctx, key.Fingerprint()) // one that cannot be read is replaced
	}
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
		return s.keep(ctx, tx, rest, options.For, &result)
	})
	if err != nil {
		return Imported{}, fmt.Errorf("import secret key %s: %w", key.Fingerprint(), err)
	}
	return result, nil
}

// atRest is a secret key that is about to be stored.
type atRest struct {
	key    *crypto.SecretKey
	before *crypto.SecretKey // what is stored already, nil if nothing is
	// revocation is its revocation certificate, unless noRevocation says why there is none.
	revocation   []byte
	noRevocation error
}

// relock returns a key that can sign as it is to be stored, or why it cannot be taken.
func (s *Senders) relock(key *crypto.SecretKey, own, configured []byte) (atRest, error) {
	unlocked, err := unlock(key, own, configured)
	if err != nil {
		return atRest{}, err
	}
	now := s.options.Now()
	if _, err := unlocked.Signer(now); err != nil {
		return atRest{}, fmt.Errorf("it cannot sign: %w", err)
	}
	rest := atRest{key: unlocked}
	rest.revocation, rest.noRevocation = unlocked.RevocationCertificate(now, s.options.Rand)
	if configured != nil {
		if rest.key, err = unlocked.Lock(configured, s.options.Rand); err != nil {
			return atRest{}, err
		}
	}
	return rest, s.secrets.takes(rest.key)
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

// keep stores a secret key and makes it the sender key of the addresses of its User IDs and of others. The result tells
// of the certificate before and of the secret key after.
func (s *Senders) keep(ctx context.Context, tx *store.KeyTx, rest atRest, others []mail.Addr, result *Imported) error {
	key, before := rest.key, rest.before
	switch {
	case before == nil:
		result.Outcome = Added
	case before.Locked() != key.Locked() || string(before.Cert().Bytes()) != string(key.Cert().Bytes()):
		result.Outcome = Updated
	}
	if rest.noRevocation != nil {
		result.note("no revocation certificate can be made for it: %v", rest.noRevocation)
	} else if err := s.secrets.writeRevocation(ctx, tx, key.Fingerprint(), rest.revocation); err != nil {
		return err
	}
	known, err := tx.SetSenderOrigin(ctx, key.Fingerprint(), false)
	if err != nil {
		return err
	}
	if err := s.secrets.write(ctx, tx, key); err != nil {
		return err
	}
	result.Unprotected = !key.Locked()
	addrs := slices.Clone(others)
	for _, addr := range key.Cert().Addrs() {
		switch signs, err := tx.Sender(ctx, addr.Key()); {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case slices.ContainsFunc(others, func(other mail.Addr) bool { return other.Key() == addr.Key() }):
		case err == nil && known && signs != key.Fingerprint():
			// The database knew both keys and which of them signs, so that was somebody's choice.
			result.note("%s goes on signing for %s, whose former key this is; with --for %[2]s this one signs again", signs, addr.Key())
		default:
			addrs = append(addrs, addr)
		}
	}
	for _, addr := range addrs {
		signed, err := tx.SetSender(ctx, addr.Key(), key.Fingerprint(), s.options.Now())
		if err == nil && signed != key.Fingerprint() {
			err = pinOwn(ctx, tx, addr, key.Fingerprint(), s.options.Now())
		}
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
