// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/spool"
)

// rests are the data streams of which the engine holds up documents: a shard is down, a privilege is missing. Nothing is
// sent to them for a while, twice as long each time. Their documents go to the end of the spool, so that those of other
// data streams are not held up.
type rests struct {
	mu      sync.Mutex
	streams map[string]*rest
}

type rest struct {
	failures int       // in a row
	last     time.Time // failure
	until    time.Time
}

// note tells what came of a request that began at the given time: of which data streams documents were answered, and of
// which some were held up. Where both is so, it is the first failure again.
func (r *rests) note(began time.Time, answered, held map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range answered {
		if one := r.streams[name]; one != nil && !began.Before(one.last) {
			delete(r.streams, name)
		}
	}
	now := time.Now()
	for name := range held {
		one := r.streams[name]
		if one == nil {
			one = &rest{}
			if r.streams == nil {
				r.streams = map[string]*rest{}
			}
			r.streams[name] = one
		}
		if !began.Before(one.last) { // else another worker's request has told the same
			one.failures++
			one.until = now.Add(backoff(one.failures))
		}
		one.last = now
	}
}

// any reports whether a data stream has failed last.
func (r *rests) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams) > 0
}

// list gives those that rest now; nil if none does.
func (r *rests) list() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list map[string]bool
	now := time.Now()
	for name, one := range r.streams {
		if now.Before(one.until) {
			if list == nil {
				list = map[string]bool{}
			}
			list[name] = true
		}
	}
	return list
}

// first is how long it is until the first rest ends; 0 if there is none.
func (r *rests) first() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first time.Duration
	now := time.Now()
	for _, one := range r.streams {
		if left := one.until.Sub(now); left > 0 && (first == 0 || left < first) {
			first = left
		}
	}
	return first
}

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

const (
	// mostErrors is how often the engine may fail at a document (500) while it takes requests: it may never get over it.
	mostErrors = 20
	// mostFailing is how many documents are remembered for that. If there are more, it is not they that are at fault.
	mostFailing = 4096
)

// failing counts the engine's failures by document.
type failing struct {
	mu     sync.Mutex
	counts map[string]int // by id
}

// tooOften reports whether a document, whose outcome has the given status, is to be given up.
func (f *failing) tooOften(status int, body []byte) bool {
	if status < 500 || status == http.StatusServiceUnavailable {
		return false
	}
	id := letterOf(body).id
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil || len(f.counts) >= mostFailing {
		f.counts = map[string]int{}
	}
	f.counts[id]++
	if f.counts[id] < mostErrors {
		return false
	}
	delete(f.counts, id)
	return true
}
