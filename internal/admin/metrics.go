package admin

import (
	"cmp"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealmilter/internal/gate"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
	"sealmilter/milter"
)

// Metrics are what /metrics shows; docs/monitoring.md has the list. No label has an address, a login or anything of a
// message: each has one of a few words, but for the fingerprints of mostDaysLeft keys.
//
// They count from the start, and are safe for concurrent use once [Metrics.Watch] has returned.
type Metrics struct {
	registry *prometheus.Registry
	all      []prometheus.Collector

	connections prometheus.Counter
	refused     *prometheus.CounterVec
	recipients  *prometheus.CounterVec
	answers     prometheus.Histogram
	messages    *prometheus.CounterVec
	ends        prometheus.Histogram

	recipientLookups *prometheus.HistogramVec
	decisions        *prometheus.CounterVec
	seals            prometheus.Histogram
	sealFailures     prometheus.Counter
	unsigned         prometheus.Counter
	copies           *prometheus.CounterVec
	deliveries       prometheus.Histogram

	lookups  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	extended *prometheus.CounterVec

	reloads *prometheus.CounterVec
	config  inForceMetrics
	stock   *stock // set by Observe
	// health is told of copies, configurations and care as well; it is set by Watch.
	health *Health
}

var (
	_ milter.Observer = (*Metrics)(nil)
	_ gate.Observer   = (*Metrics)(nil)
	_ outbox.Observer = (*Metrics)(nil)
)

// Upper bounds of histograms, in seconds: of what waits for nobody else as a rule, and of what may wait for other hosts.
var (
	shortTimes = []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30}
	longTimes  = []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300}
)

// NewMetrics returns the metrics of a daemon of some version, which has done nothing yet.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.connections = m.counter("sealmilter_connections_total", "Connections that have come to the milter's listener.")
	m.refused = m.counters("sealmilter_connections_refused_total",
		"Connections that were closed at once: limit, or user for a program that is no mail server.", "why", string(milter.NoPlace), string(milter.Stranger))
	m.recipients = m.counters("sealmilter_recipients_total", "Answers to RCPT TO, by outcome (accepted, deferred, rejected).", "outcome",
		string(milter.Accepted), string(milter.Deferred), string(milter.Rejected))
	m.answers = m.histogram("sealmilter_recipient_seconds", "Time from RCPT TO to its answer.", shortTimes)
	m.messages = m.counters("sealmilter_messages_total",
		"Messages by outcome: accepted, untouched (not ours), deferred (4xx), rejected (5xx), abandoned before their end.", "outcome",
		string(milter.Accepted), string(milter.Untouched), string(milter.Deferred), string(milter.Rejected), string(milter.Abandoned))
	m.ends = m.histogram("sealmilter_message_seconds", "Time from the end of a message's content to the answer.", longTimes)

	m.recipientLookups = m.histograms("sealmilter_recipient_lookup_seconds", "Time that it took at RCPT TO to know about a recipient's key, by answer (found, none, unknown).",
		shortTimes, "answer", keys.Found.String(), keys.None.String(), keys.Unknown.String())
	m.decisions = m.vec(prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sealmilter_copies_total",
		Help: "Recipients by decision (encrypt, sign, pass, reject, defer) and the row of the policy that has decided it."}, []string{"decision", "why"}))
	for _, d := range usualDecisions {
		m.decisions.WithLabelValues(d[0], d[1])
	}
	m.seals = m.histogram("sealmilter_seal_seconds", "Time that it took to make all copies of a message ready.", shortTimes)
	m.sealFailures = m.counter("sealmilter_seal_failures_total", "Messages whose copies could not be made.")
	m.unsigned = m.counter("sealmilter_signing_failures_total", "Messages that wait because the author's key cannot be used.")
	m.copies = m.counters("sealmilter_outbox_copies_total", "Copies for the mail server's loopback listener, by result (sent, refused, deferred, failed).", "result",
		string(outbox.Sent), string(outbox.Refused), string(outbox.Deferred), string(outbox.Failed))
	m.deliveries = m.histogram("sealmilter_outbox_copy_seconds", "Time that it took to bring one copy into the mail server's queue and to record that.", longTimes)

	m.lookups = m.vec(prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sealmilter_key_lookups_total",
		Help: "Questions to remote key sources, by source and answer (found, none, unknown)."}, []string{"source", "answer"}))
	m.seconds = m.histograms("sealmilter_key_lookup_seconds", "Time that remote key sources took to answer.", []float64{.01, .03, .1, .3, 1, 3, 10, 30}, "source")
	m.events = m.counters("sealmilter_key_events_total",
		"What happened to recipients' certificates, by event (pinned, replaced, conflict, changed, revoked, withdrawn).", "event",
		string(keys.Pinned), string(keys.Replaced), string(keys.Conflicting), string(keys.Changed), string(keys.Revoked), string(keys.Withdrawn))
	m.extended = m.counters("sealmilter_sender_keys_extended_total", "Senders' keys that were due to be extended, by result (done, failed).", "result",
		"done", "failed")
	m.reloads = m.counters("sealmilter_config_reloads_total", "Configurations that were read anew, by result (done, refused).", "result", "done", "refused")
	m.register(&m.config)
	m.register(buildMetrics{version})
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// usualDecisions are shown from the start: a counter that is not there yet has no rate when it first counts.
var usualDecisions = [][2]string{
	{"encrypt", "key-found"}, {"sign", "no-key"}, {"sign", "mode"}, {"pass", "mode"}, {"pass", "already-theirs"},
	{"reject", "no-key"}, {"reject", "no-author-key"}, {"reject", "not-theirs"},
	{"defer", "lookup-failed"}, {"defer", "key-lost"}, {"defer", "author-key-unusable"}, {"defer", "archive-unusable"},
}

// mostScrapes is how many scrapes are answered at a time, the others with 503. Each counts in the database, and everybody on the
// host can ask: the lookups of mail must find a connection to the database beside them.
const mostScrapes = 4

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: mostScrapes})
}

func (m *Metrics) register(c prometheus.Collector) {
	m.registry.MustRegister(c)
	m.all = append(m.all, c)
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.register(c)
	return c
}

// counters are shown from the start, for the words of their label that are known.
func (m *Metrics) counters(name, help, label string, words ...string) *prometheus.CounterVec {
	c := m.vec(prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label}))
	for _, word := range words {
		c.WithLabelValues(word)
	}
	return c
}

func (m *Metrics) vec(c *prometheus.CounterVec) *prometheus.CounterVec {
	m.register(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.register(h)
	return h
}

func (m *Metrics) histograms(name, help string, buckets []float64, label string, words ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
	m.register(h)
	for _, word := range words {
		h.WithLabelValues(word)
	}
	return h
}

// Connected implements [milter.Observer].
func (m *Metrics) Connected() { m.connections.Inc() }

// Refused implements [milter.Observer].
func (m *Metrics) Refused(why milter.Refusal) { m.refused.WithLabelValues(string(why)).Inc() }

// Recipient implements [milter.Observer].
func (m *Metrics) Recipient(outcome milter.Outcome, took time.Duration) {
	m.recipients.WithLabelValues(string(outcome)).Inc()
	m.answers.Observe(took.Seconds())
}

// Message implements [milter.Observer].
func (m *Metrics) Message(outcome milter.Outcome, took time.Duration) {
	m.messages.WithLabelValues(string(cmp.Or(outcome, milter.Abandoned))).Inc()
	if took > 0 {
		m.ends.Observe(took.Seconds())
	}
}

// LookedUp implements [gate.Observer].
func (m *Metrics) LookedUp(found keys.Status, took time.Duration) {
	m.recipientLookups.WithLabelValues(found.String()).Observe(took.Seconds())
}

// Decided implements [gate.Observer].
func (m *Metrics) Decided(do gate.Action, row string) {
	m.decisions.WithLabelValues(do.String(), row).Inc()
}

// Sealed implements [gate.Observer].
func (m *Metrics) Sealed(took time.Duration, err error) {
	if err != nil {
		m.sealFailures.Inc()
		return
	}
	m.seals.Observe(took.Seconds())
}

// Unsigned implements [gate.Observer].
func (m *Metrics) Unsigned() { m.unsigned.Inc() }

// Copied implements [outbox.Observer].
func (m *Metrics) Copied(result outbox.Result, took time.Duration) {
	m.copies.WithLabelValues(string(result)).Inc()
	if m.health != nil {
		m.health.copied(result)
	}
	if result == outbox.Sent {
		m.deliveries.Observe(took.Seconds())
	}
}

// Extended notes how it went to extend a sender's key that was due.
func (m *Metrics) Extended(err error) {
	if err != nil {
		m.extended.WithLabelValues("failed").Inc()
		return
	}
	m.extended.WithLabelValues("done").Inc()
}
