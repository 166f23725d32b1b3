package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func gauge(c chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	c <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func days(d time.Duration) float64 { return d.Hours() / 24 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
