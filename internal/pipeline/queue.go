// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
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
	closed   chan struct{}
}

func newQueue(maxEvents int, maxBytes int64) *queue {
	return &queue{events: make(chan *events.Event, maxEvents), maxBytes: maxBytes, closed: make(chan struct{})}
}

// offer puts the event into the queue unless it is full.
func (q *queue) offer(e *events.Event) bool {
	size := int64(e.Size())
	if q.bytes.Load()+size > q.maxBytes && len(q.events) > 0 {
		return false
	}
	select {
	case q.events <- e:
		q.bytes.Add(size)
		return true
	default:
		return false
	}
}

// linger is how long take lets a batch grow. Without it the reader would wake
// the writer for every event, which costs more than writing it.
const linger = 20 * time.Millisecond

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

// wait waits for as long as it lingers, but not beyond the closing.
func (q *queue) wait() {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.closed:
	}
}

// close lets take run dry. Nothing may be offered afterwards.
func (q *queue) close() {
	close(q.closed)
	close(q.events)
}
