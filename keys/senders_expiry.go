package keys

import (
	"context"
	"slices"
	"time"
)

// ExpiryStep is how near a key's expiry has come. Each is a reason to tell an administrator once more.
type ExpiryStep uint8

const (
	// Expired is a key that has come to its end.
	Expired ExpiryStep = iota
	// ExpiresIn7Days is a key with less than that left, and more than none.
	ExpiresIn7Days
	// ExpiresIn30Days is a key with less than that left.
	ExpiresIn30Days
	// ExpiresIn60Days is a key with less than that left.
	ExpiresIn60Days
	// NotExpiring is a key that has longer than that to live.
	NotExpiring
)

const day = 24 * time.Hour

// settled is after how long everything signed so far counts: a signature made in the second of the one before it counts
// from the next second on.
const settled = time.Second

// expiryStep returns the step of a key that has so long to live.
func expiryStep(left time.Duration) ExpiryStep {
	switch {
	case left > 60*day:
		return NotExpiring
	case left > 30*day:
		return ExpiresIn60Days
	case left > 7*day:
		return ExpiresIn30Days
	case left > 0:
		return ExpiresIn7Days
	default:
		return Expired
	}
}

// Expiring is a sender's key and its expiry.
type Expiring struct {
	Fingerprint string
	Addresses   []string // that sign with it
	// Expires is when the key ceases to sign, or others to encrypt to it.
	Expires time.Time
	// Days are the whole days left until then, negative after it.
	Days int
	Step ExpiryStep
	// Generated says that the key was made here, so that [Senders.Extend] takes care of it.
	Generated bool
	// Err is why the key cannot be read. Its expiry is not known then, and Step is Expired.
	Err error
}

// Expiring returns the senders' keys that expire some day, and those that cannot be read: the most urgent ones first.
func (s *Senders) Expiring(ctx context.Context) ([]Expiring, error) {
	now := s.options.Now()
	addresses, err := s.addresses(ctx)
	if err != nil {
		return nil, err
	}
	var all []Expiring
	for fingerprint, served := range addresses {
		e := Expiring{Fingerprint: fingerprint, Addresses: served}
		if e.Generated, err = s.store.SenderGenerated(ctx, fingerprint); err != nil {
			return nil, err
		}
		key, err := s.secrets.read(ctx, fingerprint)
		if err != nil {
			e.Err = err
			all = append(all, e)
			continue
		}
		expires := false
		if e.Expires, expires = key.Expires(now.Add(settled)); !expires {
			continue
		}
		left := e.Expires.Sub(now)
		e.Step = expiryStep(left)
		e.Days = int(left / day)
		if left%day < 0 {
			e.Days--
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Expiring) int {
		if c := a.Expires.Compare(b.Expires); c != 0 {
			return c
		}
		return slices.Compare(a.Addresses, b.Addresses)
	})
	return all, nil
}

// addresses returns the addresses that sign with each key, in order.
func (s *Senders) addresses(ctx context.Context) (map[string][]string, error) {
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]string)
	for _, row := range rows {
		all[row.Fingerprint] = append(all[row.Fingerprint], row.Address)
	}
	return all, nil
}
