package main

import (
	"log/slog"
	"time"

	"sealmilter/internal/event"
	"sealmilter/keys"
)

// keyObserver logs and counts what the key directory does.
type keyObserver struct {
	log     *slog.Logger
	metrics *metrics
}

// Asked implements [keys.Observer].
func (o *keyObserver) Asked(source string, status keys.Status, took time.Duration) {
	o.metrics.lookups.WithLabelValues(source, status.String()).Inc()
	o.metrics.seconds.WithLabelValues(source).Observe(took.Seconds())
}

// Happened implements [keys.Observer].
func (o *keyObserver) Happened(e keys.Event) {
	o.metrics.events.WithLabelValues(string(e.Kind)).Inc()
	event.KeyHappened(string(e.Kind)).Log(o.log, event.Address(e.Address), event.Key(e.Fingerprint), event.Old(e.Old),
		event.Source(e.Source), event.Why(e.Why))
}
