package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

// sourcesOutlive is how long the sources of an old configuration stay open for messages that began with it.
const sourcesOutlive = 10 * time.Minute

// running is one configuration in force: its gate, and the work in the background that goes with it.
type running struct {
	gate    *gate.Gate
	sources *keySources
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// start puts a configuration in force.
func (i *installation) start(c *config.Config, out *outbox.Outbox, log *slog.Logger, observer keys.Observer) (*running, error) {
	smime, err := readSMIME(c, log)
	if err != nil {
		return nil, err
	}
	archive, err := readArchive(c.Crypto)
	if err != nil {
		return nil, err
	}
	sources, err := openSources(c, i.local)
	if err != nil {
		return nil, err
	}
	directory := i.directory(c, sources, observer, false)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{gate: i.gate(c, directory, smime, out, log), sources: sources, cancel: cancel}
	r.gate.Archive = archive
	watchArchive(archive, log, time.Now())
	if c.Crypto.AttachKey == config.AttachUntilEncrypted {
		correspondence := keys.NewCorrespondence(i.store, time.Now, log)
		r.gate.Learner, r.gate.Correspondence = correspondence, correspondence
		r.done.Go(func() { correspondence.Run(ctx) })
	}
	if len(sources.list) > 1 || c.Keys.Sources[0] != "local" {
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
