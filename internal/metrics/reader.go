// SPDX-License-Identifier: Apache-2.0

// Package metrics gathers the sensor's numbers about itself, for events and for Prometheus.
package metrics

import (
	"log/slog"
	"time"

	"sensor/internal/events"
)

// Sources are where the numbers come from. Any goroutine may call the functions
// at any time; they hold a lock that those who read events wait for no longer
// than it takes to copy a few numbers. What is nil does not exist.
type Sources struct {
	Version string    // of the sensor; "" if it was built without one
	Start   time.Time // of the run

	Ledger  *events.Ledger
	Queue   func() events.QueueMetrics
	Spool   func() events.SpoolMetrics
	Bulk    func() events.BulkMetrics
	Table   func() events.TableMetrics
	Serving func() *events.Serving // may give nil, as long as nobody knows
}

// Reader reads all numbers at once. It is safe for concurrent use.
type Reader struct {
	sources *Sources
	log     *slog.Logger
	usage   usage
}

// NewReader makes a reader of the given sources, which may be completed until it
// is first asked, and of what the sensor itself takes from the host.
func NewReader(sources *Sources, log *slog.Logger) *Reader {
	return &Reader{sources: sources, log: log, usage: newUsage(log)}
}

// Read reads the numbers.
func (r *Reader) Read() *events.Metrics {
	s := r.sources
	m := &events.Metrics{Start: s.Start, Usage: r.usage.read()}
	if s.Ledger != nil {
		m.Balance = s.Ledger.Read()
	}
	m.Queue = ask(s.Queue)
	m.Spool = ask(s.Spool)
	m.Bulk = ask(s.Bulk)
	m.Table = ask(s.Table)
	return m
}

// ask calls the function if there is one.
func ask[T any](f func() T) *T {
	if f == nil {
		return nil
	}
	v := f()
	return &v
}

// Event makes the event that tells the numbers. Who emits it counts it, and gives it its time.
func (r *Reader) Event() *events.Event {
	e := &events.Event{Kind: events.KindMetrics, Metrics: r.Read()}
	if s := r.serving(); s != nil {
		e.Serving = &events.Serving{By: s.By, Not: s.Not} // why is for those who tell of a change
	}
	return e
}

func (r *Reader) serving() *events.Serving {
	if r.sources.Serving == nil {
		return nil
	}
	return r.sources.Serving()
}
