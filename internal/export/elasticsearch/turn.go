// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"sync/atomic"
	"time"
)

// A turn lets the workers take from the spool one after the other, and lets a bulk be filled: after one that was not full
// the next is taken when the linger has passed, or when there is enough for a full one. The first event after a pause is
// taken at once.
type turn struct {
	free   chan struct{} // holds the turn while nobody has it
	enough chan struct{}
	// What the last to have the turn found.
	at   time.Time
	full bool
	// What was written since.
	events, bytes atomic.Int64
}

func newTurn() *turn {
	t := &turn{free: make(chan struct{}, 1), enough: make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

// wrote tells that there is more. mostEvents and mostBytes make a full bulk.
func (t *turn) wrote(events, bytes, mostEvents, mostBytes int) {
	if t.events.Add(int64(events)) < int64(mostEvents) && t.bytes.Add(int64(bytes)) < int64(mostBytes) {
		return
	}
	select {
	case t.enough <- struct{}{}:
	default:
	}
}

// get waits for the turn and lingers. The caller calls done.
func (t *turn) get(ctx context.Context, linger time.Duration, draining <-chan struct{}) error {
	select {
	case <-t.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if t.at.IsZero() || t.full {
		return nil
	}
	timer := time.NewTimer(time.Until(t.at.Add(linger)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.enough:
	case <-draining:
	case <-ctx.Done(): // the taking says so
	}
	return nil
}

// done gives the turn on. full says that there may be more in the spool.
func (t *turn) done(full bool) {
	t.at, t.full = time.Now(), full
	t.events.Store(0)
	t.bytes.Store(0)
	t.free <- struct{}{}
}
