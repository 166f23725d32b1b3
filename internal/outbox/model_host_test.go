package outbox_test

import (
	"context"
	"errors"
	"time"

	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
)

// mishap is what happens to the calls of the ledger. The first one is none.
type mishap int

const (
	nothing    mishap = iota
	fails             // and nothing is written
	diesBefore        // the process dies before anything is written
	diesAfter         // the process dies behind it
	mishaps           // how many there are
)

var (
	errLedgerFails = errors.New("the ledger fails")
	errDead        = errors.New("the process is dead")
)

// host is a process with an outbox. It is the ledger of its outbox as well: the real one, with mishaps.
type host struct {
	world  *world
	name   string
	store  *store.Store
	outbox *outbox.Outbox

	// The outbox calls from several goroutines. What follows belongs to the world's mutex.
	dead   bool
	mishap mishap
	// unrecorded says that a copy is in the queue and could not be recorded, and nothing has been recorded since.
	unrecorded bool
}

// start brings a host to life.
func (h *host) start() {
	h.store, h.dead, h.mishap, h.unrecorded = nil, false, nothing, false
	h.outbox = outbox.New(h.world.relay.addr, h, h.world.now)
}

// die ends a host as kill -9 does: what it has written stays, and its clients hear nothing.
func (h *host) die() {
	h.dead = true
	h.world.say("host %s dies", h.name)
	for _, l := range h.world.letters {
		if l.try != nil && l.try.host == h {
			l.try.cancel()
			h.world.mu.Unlock()
			l.try.attempt.End() // which reaches the MTA alone
			h.world.mu.Lock()
			l.try = nil
		}
	}
	if h.store != nil {
		h.store.Close() // a flush that still runs may find it closed
	}
}

// call makes one call of the real ledger, or a mishap of it. done is called once it has succeeded.
func (h *host) call(call func() error, done func()) error {
	w := h.world
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case h.dead:
		return errDead
	case h.mishap == fails:
		return errLedgerFails
	case h.mishap == diesBefore:
		h.dead = true
		return errDead
	}
	if h.store == nil {
		h.store = w.ledgers.open(w.t) // when it is needed: many a host dies before
	}
	if err := call(); err != nil {
		return err
	}
	if done != nil {
		done()
	}
	if h.mishap == diesAfter {
		h.dead = true
		return errDead
	}
	return nil
}

// SentCopies reads the real ledger.
func (h *host) SentCopies(ctx context.Context, message string, at, latest time.Time) (names []string, err error) {
	err = h.call(func() (err error) {
		names, err = h.store.SentCopies(ctx, message, at, latest)
		return err
	}, nil)
	return names, err
}

// RecordSent writes to the real ledger, and tells the model.
func (h *host) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	counts := expires.Unix() != 0
	err := h.call(func() error { return h.store.RecordSent(ctx, message, copies, expires) }, func() {
		h.unrecorded = false
		if counts {
			h.world.recorded(len(copies), expires)
		}
	})
	if err != nil && counts {
		h.unrecorded = true
	}
	return err
}

// Flush flushes the real ledger, and tells the model.
func (h *host) Flush(ctx context.Context) error {
	return h.call(func() error { return h.store.Flush(ctx) }, h.world.flushed)
}

// ExpireSent writes to the real ledger, and tells the model.
func (h *host) ExpireSent(ctx context.Context, message string, at, latest, expires time.Time) error {
	return h.call(func() error { return h.store.ExpireSent(ctx, message, at, latest, expires) }, h.world.expired)
}

// ForgetSent writes to the real ledger, and tells the model.
func (h *host) ForgetSent(ctx context.Context, message string) error {
	return h.call(func() error { return h.store.ForgetSent(ctx, message) }, h.world.forgotten)
}

// Claim claims a message in the real ledger.
func (h *host) Claim(ctx context.Context, message string) (claimed bool, err error) {
	err = h.call(func() (err error) {
		claimed, err = h.store.Claim(ctx, message)
		return err
	}, nil)
	return claimed && err == nil, err
}

// KeepClaim asks the real ledger.
func (h *host) KeepClaim(ctx context.Context, message string) (kept bool, err error) {
	err = h.call(func() (err error) {
		kept, err = h.store.KeepClaim(ctx, message)
		return err
	}, nil)
	return kept, err
}

// ReleaseClaim tells the real ledger, in which this cannot fail.
func (h *host) ReleaseClaim(ctx context.Context, message string) error {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	if h.dead || h.store == nil {
		return errDead
	}
	return h.store.ReleaseClaim(ctx, message)
}
