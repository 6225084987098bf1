// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"

	"sensor/internal/events"
)

// A pending event waits for its partner. It stands in three lists.
type pending struct {
	doc          *document
	side         Side
	told         int64 // where its side's stream was when it was told: ns since 1970, not before doc.at
	latest       int64 // when it has happened at the latest: audit has the time of a call's begin
	loose, exact uint64
	again        bool // a connect whose like was told before, without its outcome
	links        [listCount]link
}

type link struct{ before, after *pending }

// The lists that an event stands in.
const (
	inOrder = iota // of its kind, as they came
	inLoose        // of its kind and process
	inExact        // and of its content
	listCount
)

// A queue is a list of pending events by one of their links.
type queue struct{ head, tail *pending }

func (q *queue) push(p *pending, which int) {
	p.links[which].before = q.tail
	if q.tail == nil {
		q.head = p
	} else {
		q.tail.links[which].after = p
	}
	q.tail = p
}

func (q *queue) remove(p *pending, which int) {
	l := &p.links[which]
	if l.before == nil {
		q.head = l.after
	} else {
		l.before.links[which].after = l.after
	}
	if l.after == nil {
		q.tail = l.before
	} else {
		l.after.links[which].before = l.before
	}
	*l = link{}
}

// waiting holds the pending events of one side.
type waiting struct {
	order        [events.KindCount]queue
	loose, exact map[uint64]queue
	count, size  int
}

func newWaiting() waiting {
	return waiting{loose: map[uint64]queue{}, exact: map[uint64]queue{}}
}

func (w *waiting) push(p *pending) {
	w.order[p.doc.kind].push(p, inOrder)
	change(w.loose, p.loose, func(q *queue) { q.push(p, inLoose) })
	change(w.exact, p.exact, func(q *queue) { q.push(p, inExact) })
	w.count++
	w.size += p.doc.size
}

func (w *waiting) remove(p *pending) {
	w.order[p.doc.kind].remove(p, inOrder)
	change(w.loose, p.loose, func(q *queue) { q.remove(p, inLoose) })
	change(w.exact, p.exact, func(q *queue) { q.remove(p, inExact) })
	w.count--
	w.size -= p.doc.size
}

// change changes a queue of the map, which has no empty ones.
func change(m map[uint64]queue, key uint64, do func(*queue)) {
	q := m[key]
	if do(&q); q.head == nil {
		delete(m, key)
	} else {
		m[key] = q
	}
}

// spans are times about which nothing can be decided.
type spans []span

type span struct{ from, to int64 }

// maxSpans bounds how many are told apart; the two oldest become one.
const maxSpans = 64

// add takes a span in; those that lie within gap of the last become one with it.
func (s *spans) add(from, to, gap int64) {
	if n := len(*s); n > 0 {
		if last := &(*s)[n-1]; from <= last.to+gap && to >= last.from-gap {
			last.from, last.to = min(last.from, from), max(last.to, to)
			return
		}
	}
	if len(*s) == maxSpans {
		first := (*s)[0]
		*s = slices.Delete(*s, 0, 1)
		(*s)[0].from, (*s)[0].to = min((*s)[0].from, first.from), max((*s)[0].to, first.to)
	}
	*s = append(*s, span{from, to})
}

func (s spans) touch(from, to int64) bool {
	return slices.ContainsFunc(s, func(s span) bool { return from <= s.to && to >= s.from })
}

// told remembers what was told lately: two generations of keys.
type told struct{ now, before map[uint64]struct{} }

// maxTold bounds a generation.
const maxTold = 1 << 15

func newTold() told { return told{map[uint64]struct{}{}, map[uint64]struct{}{}} }

func (t *told) add(key uint64) {
	if len(t.now) >= maxTold {
		t.now, t.before = t.before, t.now
		clear(t.now)
	}
	t.now[key] = struct{}{}
}

func (t *told) has(key uint64) bool {
	if _, ok := t.now[key]; ok {
		return true
	}
	_, ok := t.before[key]
	return ok
}
