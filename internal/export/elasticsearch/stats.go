// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"sync"
	"sync/atomic"
	"time"

	"sensor/internal/export/engine"
)

// Stats are the sink's numbers since its start.
type Stats struct {
	Requests map[int]uint64 // by status; 0: there was no answer
	Latency  Histogram      // of requests, answered or not

	Duplicate uint64 // documents that the engine had already (409)
	Rejected  uint64 // that it refuses for good
	Retried   uint64 // times that a document was sent again because the engine had no room for it, or failed
	SentBytes uint64 // of requests, compressed

	DeadLetterFailure uint64 // rejected and not kept in the dead letter file because that failed

	LastSuccess time.Time // last time that the engine took a request; zero: never
	// Outage is why the engine takes nothing now; nil if it does.
	Outage error
}

// Histogram counts by upper bound.
type Histogram struct {
	Bounds []float64 // seconds
	Counts []uint64  // one more than bounds: those above all
	Sum    float64   // seconds
}

// latencyBounds in seconds.
func latencyBounds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}
}

type counters struct {
	duplicate, rejected, retried, packed atomic.Uint64
	success                              atomic.Int64 // UnixNano

	mu       sync.Mutex
	requests map[int]uint64
	latency  Histogram
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
	seconds := took.Seconds()
	c.latency.Sum += seconds
	at := 0
	for at < len(c.latency.Bounds) && seconds > c.latency.Bounds[at] {
		at++
	}
	c.latency.Counts[at]++
}

// Stats reads the numbers. Any goroutine may, at any time.
func (s *Sink) Stats() Stats {
	c := &s.counters
	stats := Stats{
		Requests: map[int]uint64{}, Latency: Histogram{Bounds: latencyBounds()},
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
