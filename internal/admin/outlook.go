package admin

import (
	"context"
	"iter"
	"sync"
	"time"

	"sealmilter/keys"
)

const (
	// outlookFor is how long the look at the recipients' certificates counts, though no key changes: time passes for them.
	outlookFor = 6 * time.Hour
	// outlookShare is which part of one processor a look takes at most, and outlookRest how many times longer than it
	// took the pause until the next is: certificates have to be parsed, of which there may be 100,000.
	outlookShare = 10
	outlookRest  = 10
	// atATime is how many certificates are looked at without a rest.
	atATime = 64
)

// recipients says for how many addresses mail can be encrypted, and for how long. It is looked at in the background, when
// somebody asks and it is time.
type recipients struct {
	prospects func(context.Context) iter.Seq2[keys.Prospect, error]
	now       func() time.Time
	// rest waits, or returns an error when ctx ends.
	rest func(context.Context, time.Duration) error

	mu      sync.Mutex
	looking bool
	last    *outlook // nil before the first look has ended
}

// outlook is what a look has found, by source. It is not changed any more.
type outlook struct {
	generation int64
	at         time.Time
	took       time.Duration
	sources    map[string]*prospects
}

// prospects count addresses.
type prospects struct {
	good, expiring, expired, unusable int
	// first is when the next certificate expires that can be used, the zero time for none.
	first time.Time
}

// known returns what the last look has found, nil for nothing, and begins another if it is time: keys have changed since,
// which the generation shows, or it was long ago.
func (r *recipients) known(generation int64) *outlook {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.looking && r.due(generation) {
		r.looking = true
		go r.look(generation)
	}
	return r.last
}

func (r *recipients) due(generation int64) bool {
	if r.last == nil {
		return true
	}
	age := r.now().Sub(r.last.at)
	return age < 0 || age >= outlookFor || r.last.generation != generation && age >= max(stockFor, outlookRest*r.last.took)
}

func (r *recipients) look(generation int64) {
	ctx, cancel := context.WithTimeout(context.Background(), outlookFor)
	defer cancel()
	next, err := r.count(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looking = false
	if err == nil { // otherwise the next who asks has it tried again, and sealmilter_ready says what is wrong
		next.generation = generation
		r.last = next
	}
}

func (r *recipients) count(ctx context.Context) (*outlook, error) {
	next := &outlook{at: r.now(), sources: map[string]*prospects{"local": {}}}
	began, n := next.at, 0
	for p, err := range r.prospects(ctx) {
		if err != nil {
			return nil, err
		}
		s := next.sources[p.Source]
		if s == nil {
			s = new(prospects)
			next.sources[p.Source] = s
		}
		s.add(p, next.at)
		if n++; n%atATime == 0 {
			if err := r.rest(ctx, (outlookShare-1)*r.now().Sub(began)); err != nil {
				return nil, err
			}
			began = r.now()
		}
	}
	next.took = r.now().Sub(next.at)
	return next, nil
}

func (s *prospects) add(p keys.Prospect, now time.Time) {
	switch {
	case p.Expired():
		s.expired++
	case p.Err != nil:
		s.unusable++
	case p.Expiring(now):
		s.expiring++
	default:
		s.good++
	}
	if p.Err == nil && !p.Expires.IsZero() && (s.first.IsZero() || p.Expires.Before(s.first)) {
		s.first = p.Expires
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
