package status

import (
	"sync"
	"time"
)

const (
	// mostGuesses may be wrong in a row, and one more whenever guessEvery has passed.
	mostGuesses = 10
	guessEvery  = 30 * time.Second
)

// guesses limits how fast tokens can be tried. It counts for all clients together: they all come from loopback, or through
// the same proxy.
type guesses struct {
	now func() time.Time

	mu    sync.Mutex
	wrong int
	since time.Time // when the last one was forgiven
}

func newGuesses(now func() time.Time) *guesses { return &guesses{now: now} }

// take takes one guess, and reports whether there was one left.
func (g *guesses) take() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if passed := now.Sub(g.since); passed >= guessEvery || passed < 0 {
		forgiven := mostGuesses
		if passed >= 0 && passed < mostGuesses*guessEvery {
			forgiven = int(passed / guessEvery)
		}
		g.wrong, g.since = max(0, g.wrong-forgiven), now
	}
	if g.wrong >= mostGuesses {
		return false
	}
	g.wrong++
	return true
}

// right gives the guess back.
func (g *guesses) right() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = 0
}
