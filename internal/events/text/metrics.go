// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"time"

	"sensor/internal/events"
)

// appendMetrics appends what tells at a glance whether the sensor is well.
func appendMetrics(b []byte, m *events.Metrics) []byte {
	b = fmt.Appendf(b, " %d seen, %d delivered, %d lost", sum(m.Balance.Generated)+sum(m.Balance.Synthesized), sum(m.Balance.Delivered), m.Balance.Lost())
	if q := m.Queue; q != nil {
		b = fmt.Appendf(b, "; queue: %d", q.Events)
	}
	if s := m.Spool; s != nil {
		b = fmt.Appendf(b, "; spool: %d, %.1f MiB", s.Events, mebibytes(s.Bytes))
	}
	if u := m.Usage; u != nil {
		b = fmt.Appendf(b, "; CPU: %v; memory: %.1f MiB", (u.User + u.System).Round(10*time.Millisecond), mebibytes(u.Resident))
	}
	return b
}

func sum(counts map[string]uint64) (n uint64) {
	for _, count := range counts {
		n += count
	}
	return n
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
