// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"runtime"
	"sync/atomic"
	"time"

	"sensor/internal/events"
)

// A queue stands between the kernel's readers, which must never wait, and the
// sink, which may. It is bounded in events and in bytes.
type queue struct {
	events   chan *events.Event
	bytes    atomic.Int64
	maxBytes int64
	filling  chan struct{} // take has lingered for long enough
	closed   chan struct{}
}

func newQueue(maxEvents int, maxBytes int64) *queue {
	return &queue{
		events: make(chan *events.Event, maxEvents), maxBytes: maxBytes,
		filling: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

// fits reports whether offer would take an event of this size. It is for whom
// offer is for: one goroutine at a time.
func (q *queue) fits(size int) bool {
	n := len(q.events)
	return n < cap(q.events) && (n == 0 || q.bytes.Load()+int64(size) <= q.maxBytes)
}

func (q *queue) size() (events int, bytes int64) { return len(q.events), q.bytes.Load() }

// offer puts the event into the queue unless it is full.
func (q *queue) offer(e *events.Event) bool {
	size := e.Size()
	if !q.fits(size) {
		return false
	}
	bytes := q.bytes.Add(int64(size))
	q.events <- e // there is room, and nobody else puts anything there
	if len(q.events) >= max(1, min(batchEvents, cap(q.events)/2)) || bytes > q.maxBytes/2 {
		select {
		case q.filling <- struct{}{}:
		default:
		}
		// On one CPU the writer would otherwise wait until the reader has emptied
		// its ring, and what the queue cannot hold is lost where the ring could have kept it.
		runtime.Gosched()
	}
	return true
}

const (
	// batchEvents is how many events the sink gets at once at most.
	batchEvents = 256
	// linger is how long take lets a batch grow. Without it the reader would wake
	// the writer for every event, which costs more than writing it.
	linger = 20 * time.Millisecond
)

// take waits for an event, lingers, and gives what is there then, up to the
// capacity of batch. It gives nothing once the queue is closed and empty.
func (q *queue) take(batch []*events.Event) []*events.Event {
	batch = batch[:0]
	e, ok := <-q.events
	if ok && len(q.events) < cap(batch) {
		q.wait()
	}
	for ok {
		q.bytes.Add(-int64(e.Size()))
		batch = append(batch, e)
		if len(batch) == cap(batch) {
			break
		}
		select {
		case e, ok = <-q.events:
		default:
			ok = false
		}
	}
	return batch
}

// wait waits for as long as it lingers, but not beyond the closing, nor until the queue is full.
func (q *queue) wait() {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.filling:
	case <-q.closed:
	}
}

// close lets take run dry. Nothing may be offered afterwards.
func (q *queue) close() {
	close(q.closed)
	close(q.events)
}
