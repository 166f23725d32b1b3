package keys

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"sealmilter/crypto"
)

// triedKeys is how many keys are tried with the passphrase. A single one may be locked with another.
const triedKeys = 3

// tried is what came of trying the configured passphrase, which costs about a third of a second for each key by design.
type tried struct {
	passphrase [sha256.Size]byte
	keys       []secretVersion
	err        error
}

// same reports whether a try would have the same end.
func (t tried) same(other tried) bool {
	if t.passphrase != other.passphrase || len(t.keys) != len(other.keys) {
		return false
	}
	for n := range t.keys {
		if !t.keys[n].same(other.keys[n]) {
			return false
		}
	}
	return true
}

// TryPassphrase returns an error if the configured passphrase cannot be read, or unlocks none of the first few senders'
// keys: with it nothing can be signed from the next start on. What it has found out counts until the passphrase or one
// of these keys changes. That keys themselves cannot be read is no error here.
func (s *Senders) TryPassphrase(ctx context.Context) error {
	passphrase, err := s.passphrase()
	if err != nil || passphrase == nil {
		return err
	}
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil
	}
	now := tried{passphrase: sha256.Sum256(passphrase)}
	var fingerprints []string
	for _, row := range rows {
		if len(fingerprints) == triedKeys || slices.Contains(fingerprints, row.Fingerprint) {
			continue
		}
		if version, err := s.secrets.version(ctx, row.Fingerprint); err == nil {
			now.keys, fingerprints = append(now.keys, version), append(fingerprints, row.Fingerprint)
		}
	}
	s.trying.Lock()
	defer s.trying.Unlock()
	if s.tried.same(now) {
		return s.tried.err
	}
	for _, fingerprint := range fingerprints {
		key, err := s.secrets.read(ctx, fingerprint)
		if err != nil {
			continue
		}
		if _, err := key.Unlock(passphrase); !key.Locked() || !errors.Is(err, crypto.ErrPassphrase) {
			now.err = nil
			break
		}
		now.err = fmt.Errorf("%w %s; put the former passphrase back: sealmilter check says how", crypto.ErrPassphrase, fingerprint)
	}
	s.tried = now
	return now.err
}
