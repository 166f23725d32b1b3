package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"sealmilter/internal/mail"
)

// MostBeside is how many connections an outbox may have to the MTA beside one for each attempt.
const MostBeside = mostFurther + mostKept

const (
	// mostLanes are the connections that the copies of one message may go over at the same time.
	mostLanes = 4
	// mostFurther bounds what all messages have beside their first one, for each takes a process of the MTA.
	mostFurther = 8
)

// SendAll puts copies into the MTA's queue as [Attempt.Send] does, several at a time, and goes on behind those that the MTA
// refuses for good: refusals has these failures, by the index of the copy. After any other error no more copies are begun,
// and SendAll returns it, the one of the first copy that has one, when those on their way have come to their end.
//
// What Send promises of a record and the next copy goes for copies over the same connection: a loss of power may repeat
// one of each. Copies that follow each other and are of one class are sent together, and those of the next class
// when they are done.
func (a *Attempt) SendAll(ctx context.Context, env *mail.Envelope, copies []Copy) (refusals []*mail.Failure, err error) {
	refusals = make([]*mail.Failure, len(copies))
	for from, to := 0, 0; from < len(copies); from = to {
		for to = from + 1; to < len(copies) && copies[to].Class == copies[from].Class; to++ {
		}
		b := &batch{attempt: a, env: env, copies: copies[from:to], refusals: refusals[from:to]}
		if err := b.send(ctx); err != nil {
			return refusals, err
		}
	}
	return refusals, nil
}

// batch is copies that are sent in whatever order.
type batch struct {
	attempt  *Attempt
	env      *mail.Envelope
	copies   []Copy
	refusals []*mail.Failure

	mu    sync.Mutex
	begun int // how many of them
	// failed is the index of the first copy that has an error, which is err.
	failed int
	err    error
}

func (b *batch) send(ctx context.Context) error {
	opening, enough := context.WithCancel(ctx)
	defer enough()
	var further sync.WaitGroup
	for range min(mostLanes, (len(b.copies)+1)/2) - 1 {
		if !b.attempt.outbox.reserve() {
			break
		}
		further.Go(func() {
			defer b.attempt.outbox.release()
			l := &lane{attempt: b.attempt}
			defer l.end()
			// Where there is no further connection, the others do without it.
			for !b.over() && l.connect(opening) == nil && b.next(ctx, l) {
			}
		})
	}
	for b.next(ctx, &b.attempt.first) {
	}
	enough()
	further.Wait()
	return b.err
}

// over reports whether no more copies are to be begun. The caller of next need not ask.
func (b *batch) over() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil || b.begun == len(b.copies)
}

// next sends the next copy over a connection, and reports whether there was one.
func (b *batch) next(ctx context.Context, l *lane) bool {
	b.mu.Lock()
	if b.err != nil || b.begun == len(b.copies) {
		b.mu.Unlock()
		return false
	}
	i := b.begun
	b.begun++
	b.mu.Unlock()
	err := l.guarded(ctx, b.env, b.copies[i])
	var refusal *mail.Failure
	switch {
	case err == nil:
	case errors.As(err, &refusal) && !refusal.Temporary():
		b.refusals[i] = refusal
	default:
		b.fail(i, fmt.Errorf("copy for %s: %w", b.copies[i].To.Addr, err))
	}
	return true
}

// fail notes an error.
func (b *batch) fail(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil || i < b.failed {
		b.failed, b.err = i, err
	}
}

// guarded is send, with a panic of the body as an error. What the panic says may hold a part of the message.
func (l *lane) guarded(ctx context.Context, env *mail.Envelope, c Copy) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic with a %T: %s", v, debug.Stack())
		}
	}()
	return l.deliver(ctx, env, c)
}

// reserve takes a place for a further connection, if there is one, until release.
func (o *Outbox) reserve() bool {
	select {
	case o.further <- struct{}{}:
		return true
	default:
		return false
	}
}

func (o *Outbox) release() { <-o.further }
