package campaign

import (
	"context"
	"sync"
)

// moment is something that was just seen, and that a fault can follow.
type moment string

const (
	// anyTime is no moment at all: what follows comes when it comes.
	anyTime         moment = ""
	clientConnected moment = "client connected"
	clientData      moment = "client sends its text"
	clientDot       moment = "client has sent its final dot"
	clientAnswered  moment = "client was answered"
	frontOpened     moment = "the front listener opened a queue file"
	copyOpened      moment = "the loopback listener opened a queue file"
	copyRead        moment = "the header of a copy was read"
	messageRead     moment = "the header of a message was read"
	copyQueued      moment = "a copy was queued"
	messageQueued   moment = "a message was queued"
	milterSpoke     moment = "the milter logged a line"
	delivered       moment = "the next hop got a copy"
)

// seen is one occurrence.
type seen struct {
	// listener and cleanup are the processes of Postfix that have to do with it, 0 for unknown ones.
	listener, cleanup int
}

// moments tells those who wait for a moment of its next occurrence. It is safe for concurrent use.
type moments struct {
	mu      sync.Mutex
	waiting map[moment][]chan seen
}

func (m *moments) tell(what moment, s seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.waiting[what] {
		w <- s // has room for this one
	}
	delete(m.waiting, what)
}

// next waits for the next occurrence.
func (m *moments) next(ctx context.Context, what moment) (seen, bool) {
	w := make(chan seen, 1)
	m.mu.Lock()
	if m.waiting == nil {
		m.waiting = map[moment][]chan seen{}
	}
	m.waiting[what] = append(m.waiting[what], w)
	m.mu.Unlock()
	select {
	case s := <-w:
		return s, true
	case <-ctx.Done():
		return seen{}, false
	}
}
