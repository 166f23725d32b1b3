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
	// file is what the key was read from, nil before that.
	file fs.FileInfo
	key  *crypto.SecretKey
	// signer is nil until the key has been found usable.
	signer *crypto.Signer
	// generation is that of the store when the certificate was last found not to be revoked.
	generation int64
}

// signer returns the key with a fingerprint, ready to sign. It reads the file again when that has changed.
func (s *Senders) signer(ctx context.Context, fingerprint string) (*crypto.Signer, error) {
	generation, err := s.store.KeyGeneration(ctx)
	if err != nil {
		return nil, err
	}
	k := s.openKey(fingerprint, generation)
	k.mu.Lock()
	defer k.mu.Unlock()
	file, err := s.files.stat(fingerprint)
	if err != nil {
		s.forget(fingerprint)
		return nil, err
	}
	if !sameFile(k.file, file) {
		k.file, k.signer = nil, nil
		if k.key, err = s.readUnlocked(fingerprint); err != nil {
			return nil, err
		}
		k.file = file
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

// openKey returns the place in memory for a key. When the store has changed, keys whose files are gone, perhaps by the
// hand of another process, leave memory.
func (s *Senders) openKey(fingerprint string, generation int64) *openKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swept != generation {
		s.swept = generation
		for other := range s.open {
			if _, err := s.files.stat(other); err != nil {
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

func (s *Senders) readUnlocked(fingerprint string) (*crypto.SecretKey, error) {
	key, err := s.files.read(fingerprint)
	if err != nil || !key.Locked() {
		return key, err
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
	cert, err := parseStored(row)
	if err != nil {
		return err
	}
	return revocation(cert, s.options.Now())
}
