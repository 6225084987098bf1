// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"strconv"
	"time"

	"sensor/internal/events"
)

// metrics writes the sensor's own numbers as they were at the given time. Every
// number is whole, and every name is one of few: the mapping stays small.
func (w *writer) metrics(m *events.Metrics, at time.Time) {
	b := &m.Balance
	w.open("metrics")
	w.byKind("generated", b.Generated)
	w.byKind("synthesized", b.Synthesized)
	w.byKind("recovered", b.Recovered)
	w.byKind("delivered", b.Delivered)
	w.byKind("filtered", b.Filtered)
	w.byKind("aggregated", b.Aggregated)
	w.byKind("spooled", b.Spooled)
	begin := len(w.b)
	w.open("dropped")
	for _, stage := range events.Reasons() {
		w.byKind(stage.String(), b.Dropped[stage.String()])
	}
	w.closeOrDrop(begin)
	w.number("lost", b.Lost())
	if q := m.Queue; q != nil {
		w.open("queue")
		w.integer("events", int64(q.Events))
		w.integer("bytes", q.Bytes)
		w.close()
	}
	if s := m.Spool; s != nil {
		w.open("spool")
		w.integer("events", int64(s.Events))
		w.integer("bytes", s.Bytes)
		if !s.Oldest.IsZero() {
			w.integer("age_ms", max(0, at.Sub(s.Oldest).Milliseconds()))
		}
		w.boolean("on_disk", s.OnDisk)
		w.number("damaged", s.Damaged)
		w.close()
	}
	if b := m.Bulk; b != nil {
		w.bulk(b)
	}
	if t := m.Table; t != nil {
		w.open("process_table")
		w.integer("processes", int64(t.Processes))
		w.integer("bytes", t.Bytes)
		w.number("evicted", t.Evicted)
		w.number("unknown", t.Unknown)
		w.close()
	}
	if u := m.Usage; u != nil {
		w.open("process")
		w.open("cpu")
		w.integer("user_ms", u.User.Milliseconds())
		w.integer("system_ms", u.System.Milliseconds())
		w.close()
		w.open("memory")
		w.integer("resident", u.Resident)
		w.integer("heap", u.Heap)
		w.close()
		w.integer("threads", int64(u.Threads))
		w.integer("goroutines", int64(u.Goroutines))
		w.close()
	}
	w.close()
}

// byKind writes those counts that are there, in the order of the kinds.
func (w *writer) byKind(name string, counts map[string]uint64) {
	if len(counts) == 0 {
		return
	}
	begin := len(w.b)
	w.open(name)
	for kind := range events.KindCount { // of no known kind, too
		if n, ok := counts[kind.String()]; ok {
			w.number(kind.String(), n)
		}
	}
	w.closeOrDrop(begin)
}

func (w *writer) bulk(b *events.BulkMetrics) {
	w.open("bulk")
	begin := len(w.b)
	w.open("requests")
	for _, answered := range b.Requests {
		if answered.Count > 0 {
			w.number(answered.Status, answered.Count)
		}
	}
	w.closeOrDrop(begin)
	w.number("bytes", b.Bytes)
	w.number("retries", b.Retries)
	w.number("rejected", b.Rejected)
	w.number("duplicates", b.Duplicates)
	w.number("dead_letter_failures", b.DeadLetterFailures)
	w.time("last_success", b.LastSuccess)
	w.latency(b.Latency)
	w.close()
}

// latency writes for each bound how many durations were no longer.
func (w *writer) latency(h events.Histogram) {
	w.open("latency")
	begin := len(w.b)
	w.open("le_ms")
	var count uint64
	for i, n := range h.Counts {
		if count += n; i < len(h.Bounds) {
			w.comma()
			w.b = append(strconv.AppendInt(append(w.b, '"'), h.Bounds[i].Milliseconds(), 10), `":`...)
			w.b = strconv.AppendUint(w.b, count, 10)
		}
	}
	w.closeOrDrop(begin)
	w.number("count", count)
	w.integer("sum_ms", h.Sum.Milliseconds())
	w.close()
}
