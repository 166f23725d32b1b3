package keys

import (
	"sync"
	"time"
)

// maxRemembered bounds the addresses whose answers stay in memory, some 10 KiB each.
const maxRemembered = 1024

// memory holds answers as they followed from one generation of the store. The zero memory is empty and ready for use.
type memory struct {
	mu         sync.Mutex
	generation int64
	answers    map[string]remembered
}

type remembered struct {
	answer  Answer
	since   time.Time // an earlier time is after the clock was set back
	expires time.Time // the zero time if only the generation ends it
}

// get returns what was answered for an address in a generation, as long as it counts and its certificate can be used.
func (m *memory) get(generation int64, now time.Time, address string) (Answer, bool) {
	m.mu.Lock()
	r, known := m.answers[address]
	known = known && generation == m.generation
	m.mu.Unlock()
	switch {
	case !known, now.Before(r.since), !r.expires.IsZero() && !now.Before(r.expires):
		return Answer{}, false
	case r.answer.Cert != nil && r.answer.Cert.Check(now) != nil:
		return Answer{}, false
	}
	return r.answer, true
}

// put keeps an answer that rests on what was read after the store was in a generation. An older generation than that
// of the memory comes too late.
func (m *memory) put(generation int64, now time.Time, address string, answer Answer, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation < m.generation {
		return
	}
	if generation > m.generation || m.answers == nil {
		m.generation, m.answers = generation, make(map[string]remembered)
	}
	if len(m.answers) >= maxRemembered {
		for victim := range m.answers {
			delete(m.answers, victim)
			break
		}
	}
	m.answers[address] = remembered{answer, now, expires}
}
