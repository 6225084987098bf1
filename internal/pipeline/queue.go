// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"sync/atomic"

	"sensor/internal/events"
)

// A queue stands between the kernel's readers, which must never wait, and the
// sink, which may. It is bounded in events and in bytes.
type queue struct {
	events   chan *events.Event
	bytes    atomic.Int64
	maxBytes int64
}

func newQueue(maxEvents int, maxBytes int64) *queue {
	return &queue{events: make(chan *events.Event, maxEvents), maxBytes: maxBytes}
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

// take waits for an event and gives it with what else is there, up to the
// capacity of batch. It gives nothing once the queue is closed and empty.
func (q *queue) take(batch []*events.Event) []*events.Event {
	batch = batch[:0]
	e, ok := <-q.events
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

// close lets take run dry. Nothing may be offered afterwards.
func (q *queue) close() { close(q.events) }
