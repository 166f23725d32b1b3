package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealmilter/internal/event"
	"sealmilter/keys"
)

// metrics are what /metrics shows. Each is declared here with its help text.
type metrics struct {
	registry *prometheus.Registry
	lookups  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	extended *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sealmilter_key_lookups_total",
			Help: "Questions to remote key sources, by source and answer (found, none, unknown)."}, []string{"source", "answer"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sealmilter_key_lookup_seconds",
			Help: "Time that remote key sources took to answer.", Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30}}, []string{"source"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sealmilter_key_events_total",
			Help: "What happened to recipients' certificates, by event (pinned, replaced, conflict, changed, revoked, withdrawn)."}, []string{"event"}),
		extended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sealmilter_sender_keys_extended_total",
			Help: "Senders' keys that were due to be extended, by result (done, failed)."}, []string{"result"}),
	}
	m.registry.MustRegister(m.lookups, m.seconds, m.events, m.extended, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// observe adds what is counted in the installation when somebody asks.
func (m *metrics) observe(i *installation) { m.registry.MustRegister(&stock{i}) }

// stock counts what lies in the store.
type stock struct{ *installation }

var (
	conflictsDesc = prometheus.NewDesc("sealmilter_key_conflicts",
		"Certificates that wait for an administrator's decision: sealmilter keys list --conflicts.", nil, nil)
	daysLeftDesc = prometheus.NewDesc("sealmilter_sender_key_days_left",
		"Days until a sender's key expires; negative after that. Keys without expiry are not shown.", []string{"address", "key"}, nil)
)

// Describe implements [prometheus.Collector].
func (s *stock) Describe(c chan<- *prometheus.Desc) {
	c <- conflictsDesc
	c <- daysLeftDesc
}

// Collect implements [prometheus.Collector].
func (s *stock) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if conflicts, err := s.store.Conflicts(ctx, ""); err != nil {
		c <- prometheus.NewInvalidMetric(conflictsDesc, err)
	} else {
		c <- prometheus.MustNewConstMetric(conflictsDesc, prometheus.GaugeValue, float64(len(conflicts)))
	}
	senders, err := s.senders.List(ctx)
	if err != nil {
		c <- prometheus.NewInvalidMetric(daysLeftDesc, err)
		return
	}
	for _, key := range senders {
		if key.Err != nil {
			continue
		}
		if expires, ok := key.Cert.Expires(time.Now()); ok {
			days := time.Until(expires).Hours() / 24
			c <- prometheus.MustNewConstMetric(daysLeftDesc, prometheus.GaugeValue, days, key.Address, key.Fingerprint)
		}
	}
}

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
