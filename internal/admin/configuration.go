package admin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sealmilter/crypto"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
)

// inForceMetrics are about the configuration that is in force.
type inForceMetrics struct{ state atomic.Pointer[inForceState] }

type inForceState struct {
	hash  float64
	since time.Time
	// archive is the certificate to which every encrypted copy is encrypted, too; nil for none.
	archive *crypto.Cert
	// refused says that another one was refused since.
	refused bool
}

var (
	configHashDesc = prometheus.NewDesc("sealmilter_config_hash",
		"A number that is the same on hosts with the same configuration, and changes with it.", nil, nil)
	configSinceDesc = prometheus.NewDesc("sealmilter_config_last_reload_success_timestamp_seconds",
		"When the configuration in force was read.", nil, nil)
	configGoodDesc = prometheus.NewDesc("sealmilter_config_last_reload_successful",
		"1 if the last configuration that was read is in force, 0 if it was refused and an older one stays.", nil, nil)
	archiveUsableDesc = prometheus.NewDesc("sealmilter_archive_certificate_usable",
		"1 if something can be encrypted to the certificate of the archive now. Without an archive there is no such metric.", nil, nil)
	archiveLeftDesc = prometheus.NewDesc("sealmilter_archive_certificate_days_left",
		"Days until the certificate of the archive expires, negative after that.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *inForceMetrics) Describe(c chan<- *prometheus.Desc) {
	c <- configHashDesc
	c <- configSinceDesc
	c <- configGoodDesc
	c <- archiveUsableDesc
	c <- archiveLeftDesc
}

// Collect implements [prometheus.Collector].
func (m *inForceMetrics) Collect(c chan<- prometheus.Metric) {
	s := m.state.Load()
	if s == nil {
		return
	}
	gauge(c, configHashDesc, s.hash)
	gauge(c, configSinceDesc, float64(s.since.Unix()))
	gauge(c, configGoodDesc, truth(!s.refused))
	if s.archive == nil {
		return
	}
	now := time.Now()
	gauge(c, archiveUsableDesc, truth(s.archive.Check(now) == nil))
	if end, expires := s.archive.Expires(now); expires {
		gauge(c, archiveLeftDesc, days(end.Sub(now)))
	}
}

// InForce notes that a gate is about to be put in force, and has what it does counted.
func (m *Metrics) InForce(g *gate.Gate) {
	g.Observer = m
	if m.config.state.Load() != nil {
		m.reloads.WithLabelValues("done").Inc()
	}
	m.config.state.Store(&inForceState{hash: hashOf(g.Config), since: time.Now(), archive: g.Archive})
	if m.health != nil {
		m.health.refused.Store(false)
	}
}

// NotInForce notes that a configuration is refused.
func (m *Metrics) NotInForce() {
	m.reloads.WithLabelValues("refused").Inc()
	if s := m.config.state.Load(); s != nil {
		refused := *s
		refused.refused = true
		m.config.state.Store(&refused)
	}
	if m.health != nil {
		m.health.refused.Store(true)
	}
}

// hashOf returns 48 bits of a digest, which a float64 holds. The one secret that a configuration can have in it, the
// password in the database's URL, is left out: nobody shall find it by trying.
func hashOf(c *config.Config) float64 {
	public := *c
	public.Changed = time.Time{}
	if u, err := url.Parse(c.Database); err != nil {
		public.Database = ""
	} else if c.Database != "" {
		u.User, u.RawQuery = url.User(u.User.Username()), ""
		public.Database = u.String()
	}
	text, err := json.Marshal(public)
	if err != nil {
		return 0
	}
	digest := sha256.Sum256(text)
	return float64(binary.BigEndian.Uint64(digest[:]) >> 16)
}
