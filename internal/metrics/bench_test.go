// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// BenchmarkScrape is what one answer costs: with the kinds that are on by default,
// and with all that can be.
func BenchmarkScrape(b *testing.B) {
	for name, sources := range map[string]Sources{"usual": usual(), "full": full()} {
		b.Run(name, func(b *testing.B) {
			registry := prometheus.NewRegistry()
			registry.MustRegister(&collector{reader(b, sources), newFamilies()})
			handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
			var bytes int
			for b.Loop() {
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
				bytes = answer.Body.Len()
			}
			b.ReportMetric(float64(bytes), "bytes/answer")
		})
	}
}

// BenchmarkRead is what a metric event costs, but for its encoding.
func BenchmarkRead(b *testing.B) {
	r := reader(b, usual())
	for b.Loop() {
		r.Event()
	}
}
