package main

import (
	"context"
	"log/slog"
	"time"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// careEvery is how often the senders' keys are looked at, and the ledger is cleared.
const careEvery = 12 * time.Hour

// keepExpired is how long the records of sent copies stay that count no more. A clock that was ahead for less long, and is
// set right, has cost none of them.
const keepExpired = 24 * time.Hour

// care looks after the senders' own keys as long as the daemon runs: those made here are extended before they expire,
// and each step on the way to an expiry is logged once. What is wrong with the certificate of the archive is logged
// each time. Old records of sent copies are deleted, and what is old of who writes encrypted to whom.
type care struct {
	senders *keys.Senders
	store   *store.Store
	config  *config.Config
	metrics *admin.Metrics
	log     *slog.Logger
	// current returns the gate of the configuration in force.
	current func() *gate.Gate
	// told has the step that was logged last, by fingerprint.
	told map[string]keys.ExpiryStep
}

func newCare(i *installation, m *admin.Metrics, log *slog.Logger, current func() *gate.Gate) *care {
	return &care{senders: i.Senders, store: i.Store, config: i.Config, metrics: m, log: log, current: current,
		told: make(map[string]keys.ExpiryStep)}
}

func (c *care) run(ctx context.Context) {
	for {
		ended := c.metrics.Caring()
		c.extend(ctx)
		c.warn(ctx)
		c.sweep(ctx, time.Now())
		c.forget(ctx, time.Now())
		premises.WatchArchive(c.current().Archive, c.log, time.Now())
		ended()
		if wait(ctx, careEvery) != nil {
			return
		}
	}
}

func (c *care) extend(ctx context.Context) {
	if c.config.Senders.Extend == 0 {
		return
	}
	all, err := c.senders.Extend(ctx, keys.ExtendOptions{By: c.config.Senders.Extend})
	if err != nil && ctx.Err() == nil {
		event.SendersUnread.Log(c.log, event.Err(err))
	}
	for _, e := range all {
		c.metrics.Extended(e.Err)
		if e.Err != nil {
			event.SenderNotExtended.Log(c.log, event.Key(e.Fingerprint), event.Addresses(e.Addresses), event.Expires(e.Before), event.Err(e.Err))
			continue
		}
		event.SenderExtended.Log(c.log, event.Key(e.Fingerprint), event.Addresses(e.Addresses), event.Expires(e.Before), event.Until(e.Until))
	}
}

func (c *care) warn(ctx context.Context) {
	all, err := c.senders.Expiring(ctx)
	if err != nil {
		if ctx.Err() == nil {
			event.ExpiryUnread.Log(c.log, event.Err(err))
		}
		return
	}
	for _, e := range all {
		last, told := c.told[e.Fingerprint]
		c.told[e.Fingerprint] = e.Step
		switch {
		case e.Step == keys.NotExpiring, told && last == e.Step:
		case e.Err != nil:
			event.SenderUnreadable.Log(c.log, event.Key(e.Fingerprint), event.Addresses(e.Addresses), event.Err(e.Err))
		case e.Step == keys.Expired:
			event.SenderExpired.Log(c.log, event.Key(e.Fingerprint), event.Addresses(e.Addresses), event.Expires(e.Expires))
		default:
			event.SenderExpiring.Log(c.log, event.Key(e.Fingerprint), event.Addresses(e.Addresses), event.Expires(e.Expires), event.Days(e.Days))
		}
	}
}

// sweep deletes old records of sent copies.
func (c *care) sweep(ctx context.Context, now time.Time) {
	n, err := c.store.SweepSent(ctx, now.Add(-keepExpired))
	if err != nil && ctx.Err() == nil {
		event.LedgerNotSwept.Log(c.log, event.Err(err))
		return
	}
	event.LedgerSwept.Log(c.log, event.Count(n))
}

// forget deletes what is old of who writes encrypted to whom, and all of it where nobody asks for it any more.
func (c *care) forget(ctx context.Context, now time.Time) {
	all := c.current().Config.Crypto.AttachKey != config.AttachUntilEncrypted
	n, err := keys.ForgetCorrespondence(ctx, c.store, now, all)
	if err != nil && ctx.Err() == nil {
		event.NotesKept.Log(c.log, event.Err(err))
		return
	}
	event.NotesSwept.Log(c.log, event.Count(n))
}
