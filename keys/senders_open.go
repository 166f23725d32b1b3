package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// openKey is a secret key that stays unlocked in memory, since unlocking takes about a third of a second by design.
type openKey struct {
	mu sync.Mutex
	// version is that of the key when it was read, the zero one before that.
	version secretVersion
	key     *crypto.SecretKey
	// signer is nil until the key has been found usable.
	signer *crypto.Signer
	// generation is that of the store when the certificate was last found not to be revoked.
	generation int64
}

// signer returns the key with a fingerprint, ready to sign. It is read again when it has changed where it
// is kept.
func (s *Senders) signer(ctx context.Context, fingerprint string) (*crypto.Signer, error) {
	generation, err := s.store.KeyGeneration(ctx)
	if err != nil {
		return nil, err
	}
	k := s.openKey(ctx, fingerprint, generation)
	k.mu.Lock()
	defer k.mu.Unlock()
	version, err := s.secrets.version(ctx, fingerprint)
	if err != nil {
		s.forget(fingerprint)
		return nil, err
	}
	if !k.version.same(version) {
		k.version, k.signer = secretVersion{}, nil
		if k.key, err = s.readUnlocked(ctx, fingerprint); err != nil {
			return nil, err
		}
		k.version = version
	}
	now := s.options.Now()
	if k.signer == nil || k.generation != generation {
		k.signer = nil
		if err := s.checkNotRevoked(ctx, fingerprint); err != nil {
			return nil, err
		}
		k.generation = generation
	}
	if k.signer == nil || k.signer.Check(now) != nil {
		k.signer, err = k.key.Signer(now)
	}
	return k.signer, err
}

// openKey returns the place in memory for a key. When the store has changed, keys that are gone, perhaps by the hand
// of another process, leave memory.
func (s *Senders) openKey(ctx context.Context, fingerprint string, generation int64) *openKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swept != generation {
		s.swept = generation
		for other := range s.open {
			if _, err := s.secrets.version(ctx, other); err != nil {
				delete(s.open, other)
			}
		}
	}
	k := s.open[fingerprint]
	if k == nil {
		k = new(openKey)
		s.open[fingerprint] = k
	}
	return k
}

// forget drops an unlocked key from memory.
func (s *Senders) forget(fingerprint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, fingerprint)
}

func sameFile(a, b fs.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (s *Senders) readUnlocked(ctx context.Context, fingerprint string) (*crypto.SecretKey, error) {
	key, err := s.secrets.read(ctx, fingerprint)
	if err != nil {
		return nil, err
	}
	return s.unlockAtRest(key)
}

// unlockAtRest unlocks a key that was locked to be stored.
func (s *Senders) unlockAtRest(key *crypto.SecretKey) (*crypto.SecretKey, error) {
	if !key.Locked() {
		return key, nil
	}
	passphrase, err := s.passphrase()
	switch {
	case err != nil:
		return nil, err
	case passphrase == nil:
		return nil, fmt.Errorf("%w, and none is configured", crypto.ErrLocked)
	}
	if key, err = key.Unlock(passphrase); err != nil {
		return nil, fmt.Errorf("unlock with the configured passphrase: %w", err)
	}
	return key, nil
}

// checkNotRevoked looks at the stored certificate: a revocation may have come without the secret key.
func (s *Senders) checkNotRevoked(ctx context.Context, fingerprint string) error {
	row, err := s.store.Certificate(ctx, fingerprint)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	cert, err := s.local.certs.parse(row)
	if err != nil {
		return err
	}
	return revocation(cert, s.options.Now())
}
