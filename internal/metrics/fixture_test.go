// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"log/slog"
	"testing"
	"time"

	"sensor/internal/events"
)

// full are sources that have everything that there can be.
func full() Sources {
	var l events.Ledger
	for _, kind := range events.Kinds() {
		l.Generated(kind, 10)
		l.Recovered(kind, 1)
		l.Unspooled(kind, 1)
		l.Delivered(kind, 8)
		l.Spooled(kind, 1)
	}
	l.Synthesized(events.KindServing, 4)
	l.Filtered(events.KindExec, 3)
	l.Aggregated(events.KindConnect, 2)
	l.Dropped(events.ReasonRingFull, events.KindExec, 5)
	l.Dropped(events.ReasonDecode, events.KindNone, 6)
	return Sources{
		Version: "1.2.3",
		Start:   time.Unix(1700000000, 0),
		Ledger:  &l,
		Queue:   func() events.QueueMetrics { return events.QueueMetrics{Events: 7, Bytes: 8} },
		Spool: func() events.SpoolMetrics {
			return events.SpoolMetrics{Events: 9, Bytes: 10, Oldest: time.Now().Add(-time.Hour), OnDisk: true, Damaged: 11}
		},
		Bulk: func() events.BulkMetrics {
			return events.BulkMetrics{
				Requests: ByStatus(map[int]uint64{200: 12, 503: 13}), Bytes: 14, Retries: 15, Rejected: 16, Duplicates: 17,
				Latency: events.Histogram{
					Bounds: []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second},
					Counts: []uint64{1, 2, 3, 4, 5, 6, 7, 8}, Sum: 90 * time.Second,
				},
				DeadLetterFailures: 22, LastSuccess: time.Unix(1700000100, 500e6),
			}
		},
		Table: func() events.TableMetrics {
			return events.TableMetrics{Processes: 18, Bytes: 19, Evicted: 20, Unknown: 21}
		},
		Serving: func() *events.Serving {
			return &events.Serving{
				By: []events.Served{
					{Kind: events.KindExec, Source: "ebpf", Variant: "tracepoint"}, {Kind: events.KindFork, Source: "ebpf", Variant: "tracepoint"},
					{Kind: events.KindFileIntegrity, Source: "inotify"},
				},
				Not: []events.Kind{events.KindClose}, Cause: "it broke",
			}
		},
	}
}

// usual are the sources of a sensor that tells the kinds that are on by default.
func usual() Sources {
	s := full()
	var l events.Ledger
	serving := &events.Serving{}
	for _, kind := range events.Kinds() {
		if traits := kind.Traits(); traits.Default && !traits.Companion {
			l.Generated(kind, 10)
			l.Delivered(kind, 10)
			if !traits.Internal {
				serving.By = append(serving.By, events.Served{Kind: kind, Source: "ebpf", Variant: "trampoline"})
			}
		}
	}
	s.Ledger, s.Serving = &l, func() *events.Serving { return serving }
	return s
}

func reader(t testing.TB, s Sources) *Reader {
	return NewReader(&s, slog.New(slog.NewTextHandler(t.Output(), nil)))
}
