package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// outageBegins is how many questions in a row must have waited in vain. One that has may be chance: to leave a
	// server alone for that would make keys unknown that it has.
	outageBegins = 3
	// maxOutages bounds the places that are remembered.
	maxOutages = 10000
)

// outages remembers which places do not answer at all, so that a message to many of their addresses waits for a few
// time-outs and not for one after the other. The zero outages is ready for use.
type outages struct {
	mu     sync.Mutex
	places map[string]outage
}

type outage struct {
	failures int
	since    time.Time // of the last failure
	why      error
}

// at returns why a place is not asked now; nil if it may be.
func (o *outages) at(place string, now time.Time, rest time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.places[place]
	if out.failures < outageBegins || now.Before(out.since) || !now.Before(out.since.Add(rest)) {
		return nil
	}
	return fmt.Errorf("not asked again, %d questions in a row had no answer: %w", out.failures, out.why)
}

// note takes down what came of a question to a place; nil and every error that is an answer end its outage.
func (o *outages) note(place string, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, known := o.places[place]
	switch {
	case !timedOut(err):
		delete(o.places, place)
		return
	case o.places == nil:
		o.places = make(map[string]outage)
	case !known && len(o.places) >= maxOutages:
		for victim := range o.places {
			delete(o.places, victim)
			break
		}
	}
	o.places[place] = outage{failures: out.failures + 1, since: now, why: err}
}

// timedOut reports whether an error says that nothing was heard from the other side in all the time there was.
func timedOut(err error) bool {
	var failure *FetchError
	if errors.As(err, &failure) && !failure.early {
		return false
	}
	return isTimeout(err) && !errors.Is(err, context.Canceled)
}
