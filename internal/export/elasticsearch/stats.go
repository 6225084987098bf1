// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"sync"
	"sync/atomic"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
)

// Stats are the sink's numbers since its start.
type Stats struct {
	Requests map[int]uint64   // by status; 0: there was no answer
	Latency  events.Histogram // of requests, answered or not

	Duplicate uint64 // documents that the engine had already (409)
	Rejected  uint64 // that it refuses for good
	Retried   uint64 // times that a document was sent again because the engine had no room for it, or failed
	SentBytes uint64 // of requests, compressed

	DeadLetterFailure uint64 // rejected and not kept in the dead letter file because that failed

	LastSuccess time.Time // last time that the engine took a request; zero: never
	// Outage is why the engine takes nothing now; nil if it does.
	Outage error
}

// latencyBounds are the bounds of the histogram.
func latencyBounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}
}

type counters struct {
	duplicate, rejected, retried, packed atomic.Uint64
	success                              atomic.Int64 // UnixNano

	mu       sync.Mutex
	requests map[int]uint64
	latency  events.Histogram
}

// request counts a request and its answer, nil if there was none.
func (c *counters) request(response *engine.Response, took time.Duration, b *bulk) {
	c.packed.Add(uint64(b.packed.Len()))
	status := 0
	if response != nil {
		status = response.Status
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = map[int]uint64{}
		c.latency.Bounds = latencyBounds()
		c.latency.Counts = make([]uint64, len(c.latency.Bounds)+1)
	}
	c.requests[status]++
	c.latency.Sum += took
	at := 0
	for at < len(c.latency.Bounds) && took > c.latency.Bounds[at] {
		at++
	}
	c.latency.Counts[at]++
}

// Stats reads the numbers. Any goroutine may, at any time.
func (s *Sink) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Requests: map[int]uint64{}, Latency: events.Histogram{Bounds: latencyBounds()},
		Duplicate: c.duplicate.Load(), Rejected: c.rejected.Load(), Retried: c.retried.Load(),
		SentBytes: c.packed.Load(), DeadLetterFailure: s.dead.failed.Load(), Outage: s.outage.state(),
	}
	if at := c.success.Load(); at != 0 {
		stats.LastSuccess = time.Unix(0, at)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for status, n := range c.requests {
		stats.Requests[status] = n
	}
	stats.Latency.Counts = make([]uint64, len(stats.Latency.Bounds)+1)
	copy(stats.Latency.Counts, c.latency.Counts)
	stats.Latency.Sum = c.latency.Sum
	return stats
}
