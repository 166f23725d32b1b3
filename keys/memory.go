package keys

import (
	"sync"
	"time"
)

const (
	// maxAnswerMemory bounds what the answers take that stay in memory, in octets, with their certificates, which are as a
	// rule those of a certCache.
	maxAnswerMemory = 8 << 20
	// answerCost is about what an answer takes beside its certificate and its texts, and stepCost each step of its trace.
	answerCost, stepCost = 600, 100
)

// memory holds answers as they followed from one generation of the store. The zero memory is empty and ready for use.
type memory struct {
	mu         sync.Mutex
	generation int64
	answers    recent[string, remembered] // by address
}

type remembered struct {
	answer  Answer
	since   time.Time // an earlier time is after the clock was set back
	expires time.Time // the zero time if only the generation ends it
}

// get returns what was answered for an address in a generation, as long as it counts and its certificate can be used.
func (m *memory) get(generation int64, now time.Time, address string) (Answer, bool) {
	r, known := m.recall(generation, address)
	switch {
	case !known, now.Before(r.since), !r.expires.IsZero() && !now.Before(r.expires):
		return Answer{}, false
	case r.answer.Cert != nil && r.answer.Cert.Check(now) != nil:
		return Answer{}, false
	}
	return r.answer, true
}

func (m *memory) recall(generation int64, address string) (r remembered, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation != m.generation {
		return r, false
	}
	return m.answers.get(address)
}

// put keeps an answer that rests on what was read after the store was in a generation. An older generation than that
// of the memory comes too late.
func (m *memory) put(generation int64, now time.Time, address string, answer Answer, expires time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation < m.generation {
		return
	}
	if generation > m.generation {
		m.answers.clear()
	}
	m.generation, m.answers.limit = generation, maxAnswerMemory
	m.answers.put(address, remembered{answer, now, expires}, len(address)+answer.size())
}

// size is about how many octets of memory an answer takes.
func (a Answer) size() int {
	size := answerCost + len(a.Why)
	if a.Cert != nil {
		size += a.Cert.Size()
	}
	for _, step := range a.Trace {
		size += stepCost + len(step.Address) + len(step.Detail)
	}
	return size
}
