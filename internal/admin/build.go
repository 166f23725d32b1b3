package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// buildMetrics tell which program runs.
type buildMetrics struct{ version string }

var buildDesc = prometheus.NewDesc("sealmilter_build_info", "1, with the version of the program and of Go.", []string{"version", "goversion"}, nil)

// Describe implements [prometheus.Collector].
func (buildMetrics) Describe(c chan<- *prometheus.Desc) { c <- buildDesc }

// Collect implements [prometheus.Collector].
func (b buildMetrics) Collect(c chan<- prometheus.Metric) {
	gauge(c, buildDesc, 1, b.version, runtime.Version())
}
