package keys

import (
	"context"
	"sync"

	"sealmilter/internal/store"
)

// moment is a reading of the generation of keys that several lookups share.
type moment struct {
	mu         sync.Mutex
	store      *store.Store // nil before the first reading
	generation int64
}

type momentKey struct{}

// AtOneMoment returns a context for the lookups of one decision, such as those for all recipients of a message: the store
// is asked once whether keys have changed, by the first [Directory.Lookup] or [Senders.Signer]. What other processes have
// changed before that counts for all of them, and what they change later need not.
func AtOneMoment(ctx context.Context) context.Context {
	return context.WithValue(ctx, momentKey{}, new(moment))
}

// generationAt returns the generation of the store at the moment of the context, or now if it has none.
func generationAt(ctx context.Context, s *store.Store) (int64, error) {
	m, shared := ctx.Value(momentKey{}).(*moment)
	if !shared {
		return s.KeyGeneration(ctx)
	}
	// Those who come while the first one asks would ask the same.
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == s {
		return m.generation, nil
	}
	generation, err := s.KeyGeneration(ctx)
	if err == nil {
		m.store, m.generation = s, generation
	}
	return generation, err
}
