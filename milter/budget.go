package milter

import "sync"

// budget counts the octets held by all messages in flight. Its zero value holds none.
type budget struct {
	mu   sync.Mutex
	held int64
}

// take reserves n octets unless more than most would be held.
func (b *budget) take(n, most int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > most-b.held {
		return false
	}
	b.held += n
	return true
}

// give returns n octets.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
}
