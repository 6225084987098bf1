// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	restFirst = time.Second
	restMost  = time.Minute
)

// endpoints are asked in turn. One that has failed rests, each time twice as long: it is asked only if no other answers.
type endpoints struct {
	mu   sync.Mutex
	list []*endpoint
	turn int
}

type endpoint struct {
	url      *url.URL
	failures int       // in a row
	rests    time.Time // until then
}

func newEndpoints(urls []*url.URL) *endpoints {
	e := &endpoints{}
	for _, u := range urls {
		e.list = append(e.list, &endpoint{url: u})
	}
	return e
}

// order lists all endpoints in the order in which to ask them: whose turn it is first, those that rest last.
func (e *endpoints) order() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	list := slices.Concat(e.list[e.turn:], e.list[:e.turn])
	e.turn = (e.turn + 1) % len(e.list)
	slices.SortStableFunc(list, func(a, b *endpoint) int { return later(a.rests, now).Compare(later(b.rests, now)) })
	return list
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// note tells how the endpoint has answered.
func (e *endpoints) note(p *endpoint, answered bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if answered {
		p.failures, p.rests = 0, time.Time{}
		return
	}
	rest := restMost
	if p.failures < 6 {
		rest = min(rest, restFirst<<p.failures)
	}
	p.failures++
	p.rests = time.Now().Add(rest)
}

// address is the endpoint's URL without its path.
func (p *endpoint) address() string { return p.url.Scheme + "://" + p.url.Host }
