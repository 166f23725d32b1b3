package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/internal/premises"
	"sealmilter/keys"
)

// sourcesOutlive is how long the sources of an old configuration stay open for messages that began with it.
const sourcesOutlive = 10 * time.Minute

// running is one configuration in force: its gate, and the work in the background that goes with it.
type running struct {
	gate    *gate.Gate
	sources *premises.Sources
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// parts are what a configuration names beside itself: files that were read, and sources that can be asked.
type parts struct {
	smime   *keys.SMIME
	archive *crypto.Cert
	sources *premises.Sources
}

// openParts reads and opens what a configuration names. Nobody is asked for a key yet. The caller closes the sources.
func openParts(c *config.Config, local *keys.Local, log *slog.Logger) (*parts, error) {
	smime, err := readSMIME(c, log)
	if err != nil {
		return nil, err
	}
	archive, err := premises.ReadArchive(c.Crypto)
	if err != nil {
		return nil, err
	}
	sources, err := premises.OpenSources(c, local)
	if err != nil {
		return nil, err
	}
	return &parts{smime, archive, sources}, nil
}

// start puts a configuration in force.
func (i *installation) start(c *config.Config, out *outbox.Outbox, log *slog.Logger, observer keys.Observer) (*running, error) {
	p, err := openParts(c, i.Local, log)
	if err != nil {
		return nil, err
	}
	directory := i.directory(c, p.sources, observer, false)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{gate: i.gate(c, directory, p.smime, out, log), sources: p.sources, cancel: cancel}
	r.gate.Archive = p.archive
	premises.WatchArchive(p.archive, log, time.Now())
	if c.Crypto.AttachKey == config.AttachUntilEncrypted {
		correspondence := keys.NewCorrespondence(i.Store, time.Now, log)
		r.gate.Learner, r.gate.Correspondence = correspondence, correspondence
		r.done.Go(func() { correspondence.Run(ctx) })
	}
	if len(p.sources.List) > 1 || c.Keys.Sources[0] != "local" {
		refresher := &keys.Refresher{Directory: directory, Log: log, Wait: wait}
		r.done.Go(func() { refresher.Run(ctx) })
	}
	return r, nil
}

// stop ends the work in the background. Messages that began with the configuration may go on.
func (r *running) stop() {
	r.cancel()
	r.done.Wait()
	time.AfterFunc(sourcesOutlive, func() { r.sources.Close() })
}

// wait returns after a time, or with an error when the context ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
