package admin

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"sealmilter/internal/outbox"
	"sealmilter/internal/witness"
	"sealmilter/milter"
)

// loaded is what tells how much there is to do at one moment.
type loaded struct {
	server  *milter.Server
	outbox  *outbox.Outbox
	witness *witness.Witness
	health  *Health
}

// Watch adds what is true of the daemon at the moment that somebody asks, and has the outbox tell what it does. The server
// does not serve yet.
func (m *Metrics) Watch(server *milter.Server, out *outbox.Outbox, standby *witness.Witness, h *Health) {
	server.Observer, out.Observer, m.health = m, m, h
	m.register(&loaded{server, out, standby, h})
}

var (
	openDesc = prometheus.NewDesc("sealmilter_connections",
		"Open connections by kind: mail, copies and guard (the mail server's questions about copies), unknown, arriving.", []string{"kind"}, nil)
	mostOpenDesc = prometheus.NewDesc("sealmilter_connections_limit", "How many connections of a kind there may be.", []string{"kind"}, nil)
	inFlightDesc = prometheus.NewDesc("sealmilter_in_flight_bytes", "Octets of all messages in work.", nil, nil)
	mostInFlight = prometheus.NewDesc("sealmilter_in_flight_limit_bytes", "How many octets may be in work: [limits] in_flight.", nil, nil)
	workingDesc  = prometheus.NewDesc("sealmilter_messages_working", "Messages in work.", nil, nil)
	stuckDesc    = prometheus.NewDesc("sealmilter_messages_stuck", "Messages that were given up while the work on them does not end.", nil, nil)
	outOpenDesc  = prometheus.NewDesc("sealmilter_outbox_connections", "Open connections to the mail server's loopback listener.", nil, nil)
	lateDesc     = prometheus.NewDesc("sealmilter_outbox_unrecorded_messages",
		"Messages with copies in the mail server's queue that the database did not take on record yet.", nil, nil)
	witnessDesc = prometheus.NewDesc("sealmilter_witness_up", "1 if the process runs that records copies if this one crashes.", nil, nil)
	startedDesc = prometheus.NewDesc("sealmilter_witness_starts_total", "How often that process was started; once is usual.", nil, nil)
	readyDesc   = prometheus.NewDesc("sealmilter_ready",
		"1 if all is well, by check; /readyz?verbose says why not. Only some of the checks decide about /readyz.", []string{"check"}, nil)
)

// Describe implements [prometheus.Collector].
func (l *loaded) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{openDesc, mostOpenDesc, inFlightDesc, mostInFlight, workingDesc, stuckDesc, outOpenDesc, lateDesc,
		witnessDesc, startedDesc, readyDesc} {
		c <- d
	}
}

// Collect implements [prometheus.Collector].
func (l *loaded) Collect(c chan<- prometheus.Metric) {
	load := l.server.Load()
	for _, k := range load.Connections {
		gauge(c, openDesc, float64(k.Open), k.Kind)
		gauge(c, mostOpenDesc, float64(k.Most), k.Kind)
	}
	gauge(c, inFlightDesc, float64(load.InFlight))
	gauge(c, mostInFlight, float64(load.MostInFlight))
	gauge(c, workingDesc, float64(load.Working))
	gauge(c, stuckDesc, float64(load.Stuck))
	out := l.outbox.Load()
	gauge(c, outOpenDesc, float64(out.Connections))
	gauge(c, lateDesc, float64(out.Unrecorded))
	runs, started := l.witness.State()
	gauge(c, witnessDesc, truth(runs))
	c <- prometheus.MustNewConstMetric(startedDesc, prometheus.CounterValue, float64(started))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	for _, check := range l.health.checks(ctx) {
		gauge(c, readyDesc, truth(check.OK), check.Name)
	}
}

// Caring notes that a round of care has begun, until the returned function is called.
func (m *Metrics) Caring() (ended func()) {
	h := m.health
	if h == nil {
		return func() {}
	}
	h.caring.Store(h.Now().Unix())
	return func() { h.caring.Store(0) }
}
