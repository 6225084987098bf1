// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/spool"
)

// dataStreamOf names the data stream of a spooled event.
func (s *Sink) dataStreamOf(e *spool.Entry) string {
	if e.Kind < events.KindCount && bytes.HasPrefix(e.Body, s.actions[e.Kind]) {
		return s.dataStreams[e.Kind]
	}
	return letterOf(e.Body).index // spooled under another configuration
}

// asideRate is how many bytes a second a worker sets aside at most: that is what it costs to look for other data streams'
// documents behind those of one that rests.
const asideRate = 4 << 20

// pace keeps a worker from setting the same documents aside over and over. Once all that waits is known to rest, it waits
// until a rest ends or something else is written.
func (s *Sink) pace(ctx context.Context, d *delivery) error {
	if d.sent {
		s.passed.Store(0)
		s.wake()
	}
	if len(d.aside) == 0 {
		return nil
	}
	pause := time.Duration(d.asideBytes) * time.Second / asideRate
	if d.sent || s.passed.Add(int64(len(d.aside))) < int64(s.options.Spool.Stats().Entries) {
		return sleep(ctx, pause)
	}
	s.passed.Store(0)
	timer := time.NewTimer(max(pause, s.rests.first()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.woken:
		return sleep(ctx, pause)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wake has a worker look for what can be sent.
func (s *Sink) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}
