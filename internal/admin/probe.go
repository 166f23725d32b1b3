package admin

import (
	"context"
	"time"
)

// probedFor is how long it counts that a record could be written, unless a write of the daemon fails meanwhile. Everybody on the
// host can ask, and shall not have the disk work.
const probedFor = 10 * time.Second

// question is one to the database, whose answer may be for many.
type question struct {
	answered    chan struct{}
	read, write error // to be read when answered is closed
}

// database says whether the database can be read, and takes records. What was wrong is asked about anew.
func (h *Health) database(ctx context.Context) (read, write error) {
	q := h.ask(ctx)
	select {
	case <-q.answered:
		return q.read, q.write
	case <-ctx.Done(): // the store may watch no context
		return ErrHangs, ErrHangs
	}
}

// ask returns the question that the database is asked now, and begins one if there is none. It goes on when ctx ends, for others
// may wait for it.
func (h *Health) ask(ctx context.Context) *question {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asking != nil {
		return h.asking
	}
	q := &question{answered: make(chan struct{})}
	h.asking = q
	began, failures := h.Now(), h.WriteFailures()
	age := began.Sub(h.written)
	lately := age >= 0 && age < probedFor && failures == h.failures
	go func() {
		defer close(q.answered)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer cancel()
		if lately {
			q.read = h.Ping(ctx)
		} else {
			q.read, q.write = h.Probe(ctx)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asking = nil
		if !lately && q.write == nil {
			h.written, h.failures = began, failures
		}
	}()
	return q
}
