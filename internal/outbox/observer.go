package outbox

import (
	"context"
	"errors"
	"time"

	"sealmilter/internal/mail"
)

// Observer is told of copies, to count them. Its methods are called from several goroutines and do not block.
type Observer interface {
	// Copied tells what became of a copy, and how long it took to bring it into the MTA's queue and to record that.
	Copied(result Result, took time.Duration)
}

// Result is what became of a copy on its way to the MTA's queue. The zero Result is none.
type Result string

// What becomes of a copy.
const (
	Sent     Result = "sent"     // in the queue, and on record
	Refused  Result = "refused"  // the MTA does not take it, and never will
	Deferred Result = "deferred" // the MTA does not take it now, or another host has the message
	Failed   Result = "failed"   // the listener is away, hung up or does not know us, or the ledger took no record
)

func resultOf(err error) Result {
	var refusal *mail.Failure
	switch {
	case err == nil:
		return Sent
	case !errors.As(err, &refusal), refusal.Err != nil: // what the MTA itself says has no cause that we know of
		return Failed
	case refusal.Temporary():
		return Deferred
	default:
		return Refused
	}
}

// deliver is send, with the observer told.
func (l *lane) deliver(ctx context.Context, env *mail.Envelope, c Copy) (err error) {
	o := l.attempt.outbox
	began, result := o.now(), Failed // unless it comes back
	defer func() { o.copied(result, began) }()
	err = l.send(ctx, env, c)
	result = resultOf(err)
	return err
}

func (o *Outbox) copied(result Result, began time.Time) {
	if o.Observer != nil {
		o.Observer.Copied(result, o.now().Sub(began))
	}
}

// Load is what an outbox has open at one moment.
type Load struct {
	// Connections are those to the MTA, in use or kept for a moment.
	Connections int
	// Unrecorded counts the messages with copies in the MTA's queue that the ledger did not take; see docs/faults.md.
	Unrecorded int
}

// Load returns what is open now.
func (o *Outbox) Load() Load {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Load{len(o.conns), len(o.late)}
}

// FinishedUntil returns until when the records of a message last at most that is finished now. Those of an unfinished one
// last longer, but in the last hour of their time.
func FinishedUntil(now time.Time) time.Time { return now.Add(closedFor) }
