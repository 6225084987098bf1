// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"slices"

	"sensor/internal/events"
)

// A Batch is entries that are given out to be delivered. They are valid until it
// is settled or returned.
type Batch struct {
	Entries []Entry
	parts   []part // where they are from, in order
}

// A part of a batch is records one after the other.
type part struct {
	log     *classLog
	segment *segment
	span
	count int
}

// bulkFirst is which batch in how many begins with bulk entries, so that critical
// ones do not keep them from being delivered for ever.
const bulkFirst = 4

// Next waits until there is an entry and gives up to the given number of entries,
// whose bodies have up to the given number of bytes, or one that has more.
// Critical entries come first, except in each fourth batch, and of a class the
// oldest. It returns the cause of ctx if that has ended, and ErrClosed. Several
// batches may be out, each of which is to be settled or returned.
func (s *Spool) Next(ctx context.Context, entries, bytes int) (*Batch, error) {
	s.mu.Lock()
	defer s.unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case s.closed:
			return nil, ErrClosed
		}
		if b := s.take(max(entries, 1), bytes); b != nil {
			return b, nil
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// take makes a batch of what waits; nil if nothing does.
func (s *Spool) take(entries, bytes int) *Batch {
	b := &Batch{}
	if n := len(s.lists); n > 0 {
		b.Entries, s.lists = s.lists[n-1], s.lists[:n-1]
	}
	logs := s.logs()
	if s.given%bulkFirst == bulkFirst-1 {
		slices.Reverse(logs[:])
	}
	room := bytes
	for _, l := range logs {
		for l.waiting > 0 && len(b.Entries) < entries {
			if seg := l.next(); seg == nil {
				break
			} else if seg.data == nil {
				s.load(l, seg)
			} else if !s.takeFrom(l, seg, b, entries, &room) {
				break
			}
		}
	}
	if len(b.Entries) == 0 {
		return nil
	}
	s.given++
	s.batches = append(s.batches, b)
	return b
}

// takeFrom takes from the first span of a segment; false if the next record would be too much.
func (s *Spool) takeFrom(l *classLog, seg *segment, b *Batch, entries int, room *int) bool {
	seg.begun = true
	w := &seg.waits[0]
	p := part{log: l, segment: seg, span: span{run{w.first, w.first}, w.from, w.from, w.since}}
	for p.to < w.to && len(b.Entries) < entries {
		r := header(seg.data[p.to:])
		if r.body > *room && len(b.Entries) > 0 {
			break
		}
		*room -= r.body
		kind := s.kinds[string(r.kind)]
		begin, end := p.to+r.header, p.to+r.header+r.body
		b.Entries = append(b.Entries, Entry{kind, timeOf(r.time), seg.data[begin:end:end]})
		seg.kinds[kind]--
		p.end, p.to = r.sequence+1, end
		p.count++
	}
	if p.count == 0 {
		return false
	}
	if p.to < w.to {
		*w = span{run{p.end, w.end}, p.to, w.to, header(seg.data[p.to:]).spooled}
	} else {
		seg.waits = slices.Delete(seg.waits, 0, 1)
	}
	seg.waiting -= p.count
	seg.out += p.count
	l.waiting -= p.count
	b.parts = append(b.parts, p)
	return true
}

// forget takes a batch off those that are out; false if it is not.
func (s *Spool) forget(b *Batch) bool {
	i := slices.Index(s.batches, b)
	if i < 0 {
		return false
	}
	s.batches = slices.Delete(s.batches, i, i+1)
	return true
}

// Settle ends a batch whose entries were all delivered or given up, which the
// caller counts in the ledger. They never come again, even if the process is
// killed right after. A second call does nothing.
func (s *Spool) Settle(b *Batch) {
	s.mu.Lock()
	defer s.unlock()
	if !s.forget(b) {
		return
	}
	var kinds [events.KindCount]uint64
	for i := range b.Entries {
		kinds[b.Entries[i].Kind]++
	}
	for k, n := range kinds {
		if n > 0 {
			s.options.Ledger.Unspooled(events.Kind(k), n)
		}
	}
	for _, p := range b.parts {
		p.log.settled.add(p.first, p.end)
		p.segment.out -= p.count
		s.retire(p.log, p.segment)
	}
	s.release(b)
	s.checkpoint()
	s.notify()
}

// Return gives a batch back that was not delivered: its entries come again, each
// in its place. A second call does nothing.
func (s *Spool) Return(b *Batch) {
	s.mu.Lock()
	defer s.unlock()
	if !s.forget(b) {
		return
	}
	entries := b.Entries
	for _, p := range b.parts {
		p.segment.restore(p.span)
		for _, e := range entries[:p.count] {
			p.segment.kinds[e.Kind]++
		}
		entries = entries[p.count:]
		p.segment.waiting += p.count
		p.segment.out -= p.count
		p.log.waiting += p.count
		if s.closed {
			s.dropUnstored(p.log, p.segment)
		}
	}
	s.release(b)
	s.notify()
}

// release keeps a batch's list for the next one.
func (s *Spool) release(b *Batch) {
	clear(b.Entries)
	if len(s.lists) < mostBuffers {
		s.lists = append(s.lists, b.Entries[:0])
	}
	b.Entries, b.parts = nil, nil
}
