package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// openKey is a secret key that stays unlocked in memory, since unlocking takes about a third of a second by design.
type openKey struct {
	// last is what was last found; never nil.
	last atomic.Pointer[opened]
	// turn is held by the one who looks for more than last has, and changes it. Others who need the same wait for that,
	// and those for whom last is enough wait for nobody.
	turn chan struct{}
}

// opened is a secret key as it was found once. It does not change.
type opened struct {
	// version is that of the key when it was read, the zero one before that.
	version secretVersion
	key     *crypto.SecretKey
	// signer is nil until the key has been found usable.
	signer *crypto.Signer
	// generation is that of the store when the certificate was last found not to be revoked.
	generation int64
}

func newOpenKey() *openKey {
	k := &openKey{turn: make(chan struct{}, 1)}
	k.last.Store(new(opened))
	return k
}

// signer returns the key with a fingerprint, ready to sign, as the store was in a generation or later. It is read again when
// it has changed where it is kept.
func (s *Senders) signer(ctx context.Context, fingerprint string, generation int64) (*crypto.Signer, error) {
	k := s.openKey(fingerprint)
	s.sweep(ctx, generation)
	signer, err := s.current(ctx, k.last.Load(), fingerprint, generation)
	if signer != nil || err != nil {
		return signer, err
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Another one may have found by now what is missing.
	signer, err = s.current(ctx, k.last.Load(), fingerprint, generation)
	if signer != nil || err != nil {
		return signer, err
	}
	next, err := s.renew(ctx, *k.last.Load(), fingerprint, generation)
	k.last.Store(&next)
	return next.signer, err
}

// current returns the signer of what was found before if it still counts, nil if it does not.
func (s *Senders) current(ctx context.Context, last *opened, fingerprint string, generation int64) (*crypto.Signer, error) {
	if last.signer == nil || last.generation != generation {
		return nil, nil
	}
	if !s.secrets.raisesGeneration() {
		version, err := s.version(ctx, fingerprint)
		if err != nil || !last.version.same(version) {
			return nil, err
		}
	}
	if last.signer.Check(s.options.Now()) != nil {
		return nil, nil
	}
	return last.signer, nil
}

// version forgets a key that is gone or cannot be looked at.
func (s *Senders) version(ctx context.Context, fingerprint string) (secretVersion, error) {
	version, err := s.secrets.version(ctx, fingerprint)
	if err != nil {
		s.forget(fingerprint)
	}
	return version, err
}

// renew brings what was found before up to date, as far as it gets.
func (s *Senders) renew(ctx context.Context, k opened, fingerprint string, generation int64) (opened, error) {
	version, err := s.version(ctx, fingerprint)
	if err != nil {
		return opened{}, err
	}
	if !k.version.same(version) {
		key, err := s.readUnlocked(ctx, fingerprint)
		if err != nil {
			return opened{}, err
		}
		k = opened{version: version, key: key}
	}
	signer := k.signer
	k.signer = nil
	if err := s.checkNotRevoked(ctx, fingerprint); err != nil {
		return k, err
	}
	if now := s.options.Now(); signer == nil || signer.Check(now) != nil {
		if signer, err = k.key.Signer(now); err != nil {
			return k, err
		}
	}
	k.signer, k.generation = signer, generation
	return k, nil
}

// openKey returns the place in memory for a key.
func (s *Senders) openKey(fingerprint string) *openKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.open[fingerprint]
	if k == nil {
		k = newOpenKey()
		s.open[fingerprint] = k
	}
	return k
}

// sweep has keys leave memory that are gone, perhaps by the hand of another process. The first who notices that the store
// has changed does it, and nobody waits.
func (s *Senders) sweep(ctx context.Context, generation int64) {
	s.mu.Lock()
	var open []string
	if s.swept != generation {
		s.swept = generation
		for fingerprint := range s.open {
			open = append(open, fingerprint)
		}
	}
	s.mu.Unlock()
	if len(open) == 0 {
		return
	}
	for _, fingerprint := range s.secrets.gone(ctx, open) {
		s.forget(fingerprint)
	}
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
