package milter

import (
	"sync"
	"time"
)

// seldomPause is the shortest time between two lines of a kind.
const seldomPause = time.Minute

// seldom keeps a log readable in which others can cause a line as often as they like. Its zero value is ready.
type seldom struct {
	mu    sync.Mutex
	lines map[string]*occurrence
}

type occurrence struct {
	last   time.Time
	missed int
}

// due reports whether a line of this kind is to be logged now, and how many were not since the last one. There must be
// few kinds.
func (s *seldom) due(kind string) (missed int, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = make(map[string]*occurrence)
	}
	o := s.lines[kind]
	if o == nil {
		o = &occurrence{}
		s.lines[kind] = o
	}
	now := time.Now()
	if !o.last.IsZero() && now.Sub(o.last) < seldomPause {
		o.missed++
		return 0, false
	}
	missed, o.last, o.missed = o.missed, now, 0
	return missed, true
}
