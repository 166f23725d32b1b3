package outbox

import (
	"context"
	"maps"
	"slices"
	"time"
)

// recordTimeout bounds what is written to the ledger without a client that waits for it.
const recordTimeout = 30 * time.Second

// closedFor is how long a finished message is remembered, if it has a Message-ID: the MTA can fail after our answer, and
// the client then tries again. Without a Message-ID it is forgotten at once, since programs like cron send the same text
// again and mean it.
const closedFor = time.Hour

// record writes to the ledger that copies were sent.
func (a *Attempt) record(ctx context.Context, names ...string) error {
	expires := a.outbox.now().Add(a.identity.openFor())
	if err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, names, expires); err != nil {
		a.outbox.unrecorded.Store(true)
		a.outbox.remember(a.identity, names, expires)
		return err
	}
	a.unflushed = true
	for _, name := range names {
		a.sent[name] = true
	}
	return nil
}

// probe has the ledger take a record that counts by no clock, before the first copy and whenever the last record or its
// flush has failed: a copy that cannot be recorded would be sent once more by every try of every client.
func (a *Attempt) probe(ctx context.Context, name string) error {
	failed := a.outbox.unrecorded.Load()
	if a.recordable && !failed {
		return nil
	}
	// Whoever has taken over the message may have recorded this very copy: that must not be written over.
	if err := a.keep(ctx); err != nil {
		return err
	}
	if err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, []string{name}, time.Unix(0, 0)); err != nil {
		return err
	}
	if failed {
		if err := a.outbox.catchUp(ctx); err != nil {
			return err
		}
		a.outbox.unrecorded.Store(false)
	}
	a.recordable = true
	return nil
}

// secure begins to flush the last record, and returns a function that waits for that and then makes sure that the message
// still is ours: it is called with the whole text sent, so that little time is left for another host to take over, or for
// the ledger to get lost.
func (a *Attempt) secure(ctx context.Context) (wait func() error) {
	flushed := make(chan error, 1)
	if a.unflushed {
		go func() { flushed <- a.outbox.ledger.Flush(ctx) }()
	} else {
		flushed <- nil
	}
	return func() error {
		err := <-flushed
		a.flushed(ctx, err)
		if err != nil {
			return err
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
	if !a.unflushed {
		return nil
	}
	err := a.outbox.ledger.Flush(ctx)
	a.flushed(ctx, err)
	return err
}

// flushed notes how a flush has ended. One that a client did not wait for says nothing about the ledger.
func (a *Attempt) flushed(ctx context.Context, err error) {
	if err == nil {
		a.unflushed = false
	} else if ctx.Err() == nil {
		a.outbox.unrecorded.Store(true)
	}
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
