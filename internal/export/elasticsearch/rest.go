// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"sync"
	"time"
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
