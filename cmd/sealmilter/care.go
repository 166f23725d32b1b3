package main

import (
	"context"
	"log/slog"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// careEvery is how often the senders' keys are looked at, and the ledger is cleared.
const careEvery = 12 * time.Hour

// keepExpired is how long the records of sent copies stay that count no more. A clock that was ahead for less long, and is
// set right, has cost none of them.
const keepExpired = 24 * time.Hour

// care looks after the senders' own keys as long as the daemon runs: those made here are extended before they expire,
// and each step on the way to an expiry is logged once. What is wrong with the certificate of the archive is logged each time.
// Old records of sent copies are deleted, and what is old of who writes encrypted to whom.
type care struct {
	senders *keys.Senders
	store   *store.Store
	config  *config.Config
	metrics *metrics
	log     *slog.Logger
	// current returns the gate of the configuration in force.
	current func() *gate.Gate
	// told has the step that was logged last, by fingerprint.
	told map[string]keys.ExpiryStep
}

func newCare(i *installation, m *metrics, log *slog.Logger, current func() *gate.Gate) *care {
	return &care{senders: i.senders, store: i.store, config: i.config, metrics: m, log: log, current: current,
		told: make(map[string]keys.ExpiryStep)}
}

func (c *care) run(ctx context.Context) {
	for {
		c.extend(ctx)
		c.warn(ctx)
		c.sweep(ctx, time.Now())
		c.forget(ctx, time.Now())
		watchArchive(c.current().Archive, c.log, time.Now())
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
		c.log.Error("the senders' keys could not be looked after", "err", err)
	}
	for _, e := range all {
		if e.Err != nil {
			c.metrics.extended.WithLabelValues("failed").Inc()
			c.log.Error("a sender's key could not be extended", "key", e.Fingerprint, "addresses", e.Addresses, "expires", e.Before, "err", e.Err)
			continue
		}
		c.metrics.extended.WithLabelValues("done").Inc()
		c.log.Info("extended a sender's key", "key", e.Fingerprint, "addresses", e.Addresses, "before", e.Before, "until", e.Until)
	}
}

func (c *care) warn(ctx context.Context) {
	all, err := c.senders.Expiring(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.log.Error("the expiry of the senders' keys cannot be read", "err", err)
		}
		return
	}
	for _, e := range all {
		last, told := c.told[e.Fingerprint]
		c.told[e.Fingerprint] = e.Step
		switch {
		case e.Step == keys.NotExpiring, told && last == e.Step:
		case e.Err != nil:
			c.log.Error("a sender's key cannot be read", "key", e.Fingerprint, "addresses", e.Addresses, "err", e.Err)
		case e.Step == keys.Expired:
			c.log.Error("a sender's key has expired: nothing can be signed with it", "key", e.Fingerprint, "addresses", e.Addresses, "expired", e.Expires)
		default:
			c.log.Warn("a sender's key is about to expire", "key", e.Fingerprint, "addresses", e.Addresses, "expires", e.Expires, "days", e.Days)
		}
	}
}

// sweep deletes old records of sent copies.
func (c *care) sweep(ctx context.Context, now time.Time) {
	n, err := c.store.SweepSent(ctx, now.Add(-keepExpired))
	if err != nil && ctx.Err() == nil {
		c.log.Error("old records of sent copies could not be deleted", "err", err)
		return
	}
	c.log.Debug("deleted old records of sent copies", "records", n)
}

// forget deletes what is old of who writes encrypted to whom, and all of it where nobody asks for it any more.
func (c *care) forget(ctx context.Context, now time.Time) {
	all := c.current().Config.Crypto.AttachKey != config.AttachUntilEncrypted
	n, err := keys.ForgetCorrespondence(ctx, c.store, now, all)
	if err != nil && ctx.Err() == nil {
		c.log.Error("old encrypted correspondence could not be deleted", "err", err)
		return
	}
	c.log.Debug("deleted old encrypted correspondence", "pairs", n)
}
