package outbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// recordTimeout bounds what is written to the ledger without a client that waits for it, beside the waits of the store
// itself.
const recordTimeout = 30 * time.Second

// closedFor is how long a finished message is remembered, if it has a Message-ID: the MTA can fail after our answer, and
// the client then tries again. Without a Message-ID it is forgotten at once, since programs like cron send the same text
// again and mean it.
const closedFor = time.Hour

// record writes to the ledger that copies were sent.
func (a *Attempt) record(ctx context.Context, names ...string) error {
	expires := a.outbox.now().Add(a.identity.openFor())
	if err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, names, expires); err != nil {
		a.outbox.unrecorded.Add(1)
		a.outbox.remember(a.identity, names, expires)
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes++
	for _, name := range names {
		a.sent[name] = true
	}
	return nil
}

// probe has the ledger take a record that counts by no clock, before the first copy and whenever the last record or its
// flush has failed: a copy that cannot be recorded would be sent once more by every try of every client.
func (a *Attempt) probe(ctx context.Context, name string) error {
	failures := a.outbox.unrecorded.Load()
	a.mu.Lock()
	recordable := a.recordable
	a.mu.Unlock()
	if recordable && failures == 0 {
		return nil
	}
	// Whoever has taken over the message may have recorded this very copy: that must not be written over.
	if err := a.keep(ctx); err != nil {
		return err
	}
	if err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, []string{name}, time.Unix(0, 0)); err != nil {
		return err
	}
	if failures > 0 {
		if err := a.outbox.catchUp(ctx); err != nil {
			return err
		}
		a.outbox.unrecorded.CompareAndSwap(failures, 0) // unless another copy has failed meanwhile
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.recordable = true
	return nil
}

// errUnrecorded holds a copy back whose record would fail, too.
var errUnrecorded = errors.New("the record of another copy could not be made while this one was on its way")

// secure begins to flush the records so far, and returns a function that waits for that and then makes sure that the message
// still is ours: it is called with the whole text ready, so that little time is left for another host to take over, or for
// the ledger to get lost.
func (a *Attempt) secure(ctx context.Context) (wait func() error) {
	flushed := make(chan error, 1)
	if changes := a.unflushed(); changes > 0 {
		go func() { flushed <- a.flushUpTo(ctx, changes) }()
	} else {
		flushed <- nil
	}
	return func() error {
		if err := <-flushed; err != nil {
			return err
		}
		if a.outbox.unrecorded.Load() > 0 {
			return errUnrecorded
		}
		return a.keep(ctx)
	}
}

// keep returns ErrBusy if another host has taken over the message.
func (a *Attempt) keep(ctx context.Context) error {
	kept, err := a.outbox.ledger.KeepClaim(ctx, a.identity.digest)
	if err == nil && !kept {
		return ErrBusy
	}
	return err
}

// flush makes what is recorded survive the loss of power.
func (a *Attempt) flush(ctx context.Context) error {
	if changes := a.unflushed(); changes > 0 {
		return a.flushUpTo(ctx, changes)
	}
	return nil
}

// unflushed returns the number of the last change if a loss of power may undo it, 0 otherwise.
func (a *Attempt) unflushed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flushed == a.changes {
		return 0
	}
	return a.changes
}

// flushUpTo makes the changes up to one of them survive. An error that a client did not wait for says nothing about the
// ledger.
func (a *Attempt) flushUpTo(ctx context.Context, change int) error {
	err := a.outbox.ledger.Flush(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.flushed = max(a.flushed, change)
	} else if ctx.Err() == nil {
		a.outbox.unrecorded.Add(1)
	}
	return err
}

// close has the records of the message count for as long as a finished one is remembered.
func (a *Attempt) close(ctx context.Context) error {
	if !a.identity.named {
		// Deleted, and not expired by the clock: were that put back, the next message like this one would be swallowed.
		return a.outbox.ledger.ForgetSent(ctx, a.identity.digest)
	}
	now := a.outbox.now()
	if len(a.outbox.remembered(a.identity, now)) > 0 {
		if err := a.outbox.catchUp(ctx); err != nil {
			return err
		}
	}
	// Whatever has counted since the attempt began, by a clock that may have been put right meanwhile.
	first, last := a.began, now
	if now.Before(a.began) {
		first, last = now, a.began
	}
	return a.outbox.ledger.ExpireSent(ctx, a.identity.digest, first, a.identity.latest(last), now.Add(closedFor))
}

// reopen undoes what close may have done: the client is told to try again, whenever that is, and must not send all copies
// once more. Whoever has taken over the message may have finished it by now.
func (a *Attempt) reopen() {
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	if a.keep(ctx) == nil {
		a.record(ctx, slices.Collect(maps.Keys(a.sent))...) // the caller has an error to return already
	}
}
