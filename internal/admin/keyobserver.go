package admin

import (
	"log/slog"
	"time"

	"sealmilter/internal/event"
	"sealmilter/keys"
)

// KeyObserver logs and counts what the key directory does.
type KeyObserver struct {
	Log     *slog.Logger
	Metrics *Metrics
}

// Asked implements [keys.Observer].
func (o *KeyObserver) Asked(source string, status keys.Status, took time.Duration) {
	o.Metrics.lookups.WithLabelValues(source, status.String()).Inc()
	o.Metrics.seconds.WithLabelValues(source).Observe(took.Seconds())
}

// Happened implements [keys.Observer].
func (o *KeyObserver) Happened(e keys.Event) {
	o.Metrics.events.WithLabelValues(string(e.Kind)).Inc()
	event.KeyHappened(string(e.Kind)).Log(o.Log, event.Address(e.Address), event.Key(e.Fingerprint), event.Old(e.Old),
		event.Source(e.Source), event.Why(e.Why))
}
