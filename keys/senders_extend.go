package keys

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

// Defaults of [ExtendOptions].
const (
	DefaultExtendWithin = 60 * day
	DefaultExtendBy     = 365 * day
)

// ExtendOptions say which keys [Senders.Extend] extends, and how.
type ExtendOptions struct {
	// Within is how near the expiry must be; 0 means [DefaultExtendWithin].
	Within time.Duration
	// By is how long from now an extended key is valid; 0 means [DefaultExtendBy]. It must be longer than Within.
	By time.Duration
	// Imported keys are extended, too. Left alone, such a key has one life, wherever its owner manages it.
	Imported bool
}

// Extended is what became of one key.
type Extended struct {
	Fingerprint string
	Addresses   []string // that sign with it
	// Before and Until are the expiry of the secret key before and after; a zero Until is none at all.
	Before, Until time.Time
	// Err is why the key was not extended; Until is then Before.
	Err error
}

// errKeyChanged says that another process has changed a key meanwhile.
var errKeyChanged = errors.New("another process is changing the key")

// Extend extends the senders' keys that are about to expire or have expired, and stores the key and its certificate.
// It returns those keys, and nothing about the others. A key that cannot be extended is returned with the reason and
// does not keep it from the rest; the error is about the store as a whole.
//
// Before it extends a key it brings the key and the stored certificate together: what the owner has signed in either
// goes to the other. So an extension that another host made with its own copy of the key, or that came with a
// certificate alone, counts here, too, and one that was interrupted between the key and the certificate is completed.
// Several processes may do this at the same time.
func (s *Senders) Extend(ctx context.Context, o ExtendOptions) ([]Extended, error) {
	o.Within, o.By = cmp.Or(o.Within, DefaultExtendWithin), cmp.Or(o.By, DefaultExtendBy)
	if o.By <= o.Within {
		return nil, fmt.Errorf("extend keys: they would be extended by %v, which is not longer than the %v that are too short", o.By, o.Within)
	}
	addresses, err := s.addresses(ctx)
	if err != nil {
		return nil, err
	}
	var all []Extended
	for _, fingerprint := range slices.Sorted(maps.Keys(addresses)) {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		e := Extended{Fingerprint: fingerprint, Addresses: addresses[fingerprint]}
		changed, err := s.extendOne(ctx, &e, o)
		if err != nil {
			e.Err, e.Until = fmt.Errorf("extend secret key %s: %w", fingerprint, err), e.Before
		}
		if changed || err != nil {
			all = append(all, e)
		}
	}
	return all, nil
}

// extendOne reports whether the key or its certificate has changed.
func (s *Senders) extendOne(ctx context.Context, e *Extended, o ExtendOptions) (changed bool, err error) {
	const attempts = 5
	for range attempts {
		if changed, err = s.tryExtend(ctx, e, o); !errors.Is(err, errKeyChanged) {
			return changed, err
		}
	}
	return false, err
}

// tryExtend fails with errKeyChanged, and leaves everything as it is, if another process was quicker.
func (s *Senders) tryExtend(ctx context.Context, e *Extended, o ExtendOptions) (changed bool, err error) {
	now := s.options.Now()
	version, err := s.secrets.version(ctx, e.Fingerprint)
	if err != nil {
		return false, err
	}
	key, err := s.secrets.read(ctx, e.Fingerprint)
	if err != nil {
		return false, err
	}
	e.Before, _ = key.Expires(now)
	row, err := s.store.Certificate(ctx, e.Fingerprint)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	stored, next, err := bringTogether(row, key)
	if err != nil {
		return false, err
	}
	if revocation(next.Cert(), now) == nil {
		if next, err = s.extendKey(ctx, next, now, o); err != nil {
			return false, err
		}
	}
	e.Until, _ = next.Expires(now.Add(settled))
	complete := true
	if stored != nil {
		merged, err := stored.Merge(next.Cert().Bytes())
		if err != nil {
			return false, err
		}
		complete = bytes.Equal(merged.Bytes(), row.Blob)
	}
	if next == key && complete {
		return false, nil
	}
	return true, s.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		return s.putExtended(ctx, tx, next, row, version)
	})
}

// bringTogether returns the stored certificate, nil if there is none, and the key with what the owner has signed in it.
func bringTogether(row store.Certificate, key *crypto.SecretKey) (*crypto.Cert, *crypto.SecretKey, error) {
	if row.Fingerprint == "" {
		return nil, key, nil
	}
	stored, err := parseStored(row)
	if err != nil {
		return nil, nil, err
	}
	key, err = key.Merge(stored.Bytes())
	return stored, key, err
}

// extendKey returns the key itself if it lasts, or is not to be extended.
func (s *Senders) extendKey(ctx context.Context, key *crypto.SecretKey, now time.Time, o ExtendOptions) (*crypto.SecretKey, error) {
	if expiry, expires := key.Expires(now); !expires || expiry.Sub(now) > o.Within {
		return key, nil
	}
	generated, err := s.store.SenderGenerated(ctx, key.Fingerprint())
	if err != nil || !generated && !o.Imported {
		return key, err
	}
	unlocked, err := s.unlockAtRest(key)
	if err != nil {
		return nil, err
	}
	extended, err := unlocked.Extend(now.Add(o.By), crypto.ExtendOptions{Now: now, Rand: s.options.Rand})
	if err != nil {
		return nil, err
	}
	// Only the signatures are new: the key at rest takes them as it is, locked.
	return key.Merge(extended.Cert().Bytes())
}

// putExtended stores the key first: where the process ends before the certificate is stored, there is a key that works
// and a certificate that is completed by the next call. Which addresses the certificate serves does not change: what is
// stored may have User IDs that its owner has signed elsewhere, and that no administrator has seen.
func (s *Senders) putExtended(ctx context.Context, tx *store.KeyTx, key *crypto.SecretKey, before store.Certificate, version secretVersion) error {
	unchanged, err := s.secrets.unchanged(ctx, tx, key.Fingerprint(), version)
	switch {
	case err != nil:
		return err
	case !unchanged:
		return errKeyChanged
	}
	row, err := tx.Certificate(ctx, key.Fingerprint())
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case !bytes.Equal(row.Blob, before.Blob):
		return errKeyChanged
	}
	if err := s.secrets.write(ctx, tx, key); err != nil {
		return err
	}
	if before.Fingerprint == "" {
		return nil
	}
	_, _, err = join(ctx, tx, key.Fingerprint(), key.Cert().Bytes(), key.Cert(), s.options.Now())
	return err
}
