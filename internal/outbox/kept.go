package outbox

import (
	"slices"
	"sync"
	"time"
)

// A connection is kept for the next message: so many of them, for so long, and none longer than keptLife after it was
// opened, so that a listener that is configured anew gets all copies soon. An MTA under load ends connections that are
// silent for ten seconds (Postfix STRESS_README).
const (
	mostKept = 4
	keptFor  = 3 * time.Second
	keptLife = 30 * time.Second
)

// kept are sessions between two messages. They are safe for concurrent use; the zero value is ready.
type kept struct {
	mu       sync.Mutex
	sessions []waiting // the one that was used last comes last
	closed   bool
}

// waiting is a session with the end of its time.
type waiting struct {
	*session
	end *time.Timer
}

// take returns a session that is open, nil if there is none.
func (k *kept) take() *session {
	for {
		s := k.pick()
		if s == nil {
			return nil
		}
		if said, err := s.said(); err == nil && !said {
			return s
		}
		s.close() // the MTA has hung up, or said that it will
	}
}

// pick takes out the last session.
func (k *kept) pick() *session {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := len(k.sessions) - 1
	if last < 0 {
		return nil
	}
	w := k.sessions[last]
	k.sessions = slices.Delete(k.sessions, last, last+1)
	w.end.Stop() // if its time is over already, it is not found any more
	return w.session
}

// give keeps a session that is between two transactions, or ends it.
func (k *kept) give(s *session) {
	if !k.put(s) {
		s.quit()
	}
}

func (k *kept) put(s *session) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	left := min(keptFor, keptLife-time.Since(s.opened))
	if k.closed || len(k.sessions) == mostKept || left <= 0 {
		return false
	}
	end := time.AfterFunc(left, func() {
		if k.remove(s) {
			s.quit()
		}
	})
	s.rested = true
	k.sessions = append(k.sessions, waiting{s, end})
	return true
}

// remove takes out one session, and reports whether it was there.
func (k *kept) remove(s *session) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.sessions, func(w waiting) bool { return w.session == s })
	if at < 0 {
		return false
	}
	k.sessions = slices.Delete(k.sessions, at, at+1)
	return true
}

// close ends all sessions, and has none be kept any more.
func (k *kept) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	for s := k.pick(); s != nil; s = k.pick() {
		s.quit()
	}
}
