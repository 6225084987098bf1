// SPDX-License-Identifier: Apache-2.0

package events

import "time"

// Metrics are numbers about the sensor itself at one moment. Counts begin with
// the run; a part that this sensor does not have is nil.
type Metrics struct {
	Start   time.Time // of the run
	Balance Balance
	Queue   *QueueMetrics
	Spool   *SpoolMetrics
	Bulk    *BulkMetrics
	Table   *TableMetrics
	Usage   *UsageMetrics
}

// QueueMetrics is what waits for the output.
type QueueMetrics struct {
	Events int
	Bytes  int64 // roughly, in memory
}

// SpoolMetrics is what waits for the search engine.
type SpoolMetrics struct {
	Events  int
	Bytes   int64
	Oldest  time.Time // when the oldest event was spooled; zero if there is none
	OnDisk  bool      // false: in memory alone, for as long as the disk cannot be written to
	Damaged uint64    // records that could not be read back
}

// BulkMetrics is the traffic with the search engine.
type BulkMetrics struct {
	Requests   []StatusCount // of each status once
	Bytes      uint64        // of the requests' bodies, compressed
	Retries    uint64        // events that were sent again
	Rejected   uint64        // events that it refuses for good
	Duplicates uint64        // events that it had already
	Latency    Histogram     // from a request to its answer

	DeadLetterFailures uint64    // rejected events that could not be kept in the dead-letter file
	LastSuccess        time.Time // when it last took a request; zero: never in this run
}

// StatusCount counts requests by what was answered.
type StatusCount struct {
	Status string // an HTTP status (429), a class of them (4xx), or none for no answer: one of few
	Count  uint64
}

// Histogram counts durations by how long they were.
type Histogram struct {
	Bounds []time.Duration // inclusive upper bounds, ascending, in whole milliseconds
	Counts []uint64        // one for each bound, and one for what was longer; each duration is in one
	Sum    time.Duration
}

// TableMetrics is the table of processes.
type TableMetrics struct {
	Processes int
	Bytes     int64  // roughly, in memory
	Evicted   uint64 // forgotten for want of room while they were needed
	Unknown   uint64 // events whose process was not there when it should have been
}

// UsageMetrics is what the sensor takes from its host.
type UsageMetrics struct {
	User, System time.Duration // CPU time
	Resident     int64         // bytes of memory
	Heap         int64         // of these, bytes in Go objects
	Threads      int
	Goroutines   int
}

// memory is a rough count of the bytes that the metrics keep.
func (m *Metrics) memory() int {
	b := &m.Balance
	n := len(b.Generated) + len(b.Synthesized) + len(b.Recovered) + len(b.Delivered) + len(b.Filtered) + len(b.Aggregated) + len(b.Spooled)
	for _, counts := range b.Dropped {
		n += len(counts)
	}
	return 1024 + 64*n
}
