package outbox_test

import (
	"context"
	"errors"
	"time"

	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
)

// mishap is what happens to a call of the ledger. The first one is none.
type mishap int

const (
	nothing    mishap = iota
	fails             // and nothing is written
	diesBefore        // the process dies before it is written
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

	dead   bool
	mishap mishap
	// unrecorded says that a copy is in the queue and could not be recorded, and nothing has been recorded since.
	unrecorded bool
}

// start brings a host to life.
func (h *host) start() {
	h.store, h.dead, h.mishap, h.unrecorded = h.world.ledgers.open(h.world.t), false, nothing, false
	h.outbox = outbox.New(h.world.relay.addr, h, h.world.now)
}

// die ends a host as kill -9 does: what it has written stays, and its clients hear nothing.
func (h *host) die() {
	h.dead = true
	for _, l := range h.world.letters {
		if l.try != nil && l.try.host == h {
			l.try.cancel()
			l.try = nil
		}
	}
	if err := h.store.Close(); err != nil {
		h.world.t.Error(err)
	}
}

// call makes one call of the real ledger, or a mishap of it. done is called once it is written.
func (h *host) call(write func() error, done func()) error {
	m := h.mishap
	switch {
	case h.dead:
		return errDead
	case m == fails:
		return errLedgerFails
	case m == diesBefore:
		h.dead = true
		return errDead
	}
	if err := write(); err != nil {
		return err
	}
	done()
	if m == diesAfter {
		h.dead = true
		return errDead
	}
	return nil
}

// SentCopies reads the real ledger.
func (h *host) SentCopies(ctx context.Context, message string, at time.Time) (names []string, err error) {
	err = h.call(func() (err error) {
		names, err = h.store.SentCopies(ctx, message, at)
		return err
	}, func() {})
	return names, err
}

// RecordSent writes to the real ledger, and tells the model.
func (h *host) RecordSent(ctx context.Context, message, name string, at, expires time.Time) error {
	err := h.call(func() error { return h.store.RecordSent(ctx, message, name, at, expires) }, func() {
		h.unrecorded = false
		if expires.After(at) {
			h.world.recorded(expires)
		}
	})
	if err != nil && expires.After(at) {
		h.unrecorded = true
	}
	return err
}

// ExpireSent writes to the real ledger, and tells the model.
func (h *host) ExpireSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	return h.call(func() error { return h.store.ExpireSent(ctx, message, copies, expires) }, h.world.closed)
}
