// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"
	"time"

	"sensor/internal/events"
)

// Append takes all entries and copies their bodies. What finds no room is
// dropped, and counted. It returns when the rest is as durable as Sync says, or
// in memory while the disk cannot be written to.
func (s *Spool) Append(list []Entry) {
	if len(list) == 0 {
		return
	}
	s.appending.Lock()
	defer s.appending.Unlock()
	s.mu.Lock()
	now := s.age.now()
	for i := range list {
		s.add(&list[i], now)
	}
	for _, l := range s.logs() {
		if seg := l.open(); seg != nil {
			s.store(seg)
		}
	}
	s.shrink()
	s.checkpoint()
	s.notify()
	sync := s.options.Sync == SyncBatch || len(s.unsynced) > mostUnsynced
	s.mu.Unlock()
	if sync {
		s.sync()
	}
	s.tell()
}

// add appends one entry to the log of its class.
func (s *Spool) add(e *Entry, now time.Duration) {
	if e.Kind >= events.KindCount {
		e.Kind = events.KindNone
	}
	size := recordBytes(e)
	l := s.logOf(e.Kind)
	switch {
	case s.closed:
		s.refuse(events.ReasonShutdown, e)
		return
	case len(e.Body) > mostBody || !s.makeRoom(l, size):
		s.refuse(events.ReasonSpoolFull, e)
		return
	}
	seg := l.open()
	if seg != nil && (seg.size+size > s.segment || s.options.MaxAge > 0 && now-seg.began >= s.options.MaxAge/ageParts) {
		s.finish(seg)
		s.retire(l, seg) // if all of it is settled already
		seg = nil
	}
	if seg == nil {
		seg = s.begin(l, now)
	}
	before := seg.cost()
	seg.add(l.end, now, e)
	s.used += seg.cost() - before
	l.end++
	l.waiting++
	s.options.Ledger.Spooled(e.Kind, 1)
}

// open is the segment that takes records, if there is one.
func (l *classLog) open() *segment {
	if n := len(l.segments); n > 0 && !l.segments[n-1].closed {
		return l.segments[n-1]
	}
	return nil
}

// begin begins a segment.
func (s *Spool) begin(l *classLog, now time.Duration) *segment {
	seg := newSegment(l.end, "")
	if s.dir != nil {
		seg.path = s.dir.segmentName(l.class, l.end)
	}
	seg.data, seg.began = s.buffer(), now
	l.segments = append(l.segments, seg)
	return seg
}

func (s *Spool) finish(seg *segment) {
	s.store(seg)
	s.seal(seg)
}

// seal closes a segment. Its memory is given back if the file has all and nobody has begun to read it.
func (s *Spool) seal(seg *segment) {
	seg.closed = true
	if seg.file != nil && s.options.Sync != SyncNever {
		s.unsynced = append(s.unsynced, seg)
	} else {
		seg.release()
	}
	if !seg.inMemory() && !seg.begun {
		s.reuse(seg)
	}
}

// reuse keeps the memory of a segment for the next one.
func (s *Spool) reuse(seg *segment) {
	if len(s.buffers) < mostBuffers && cap(seg.data) > 0 && cap(seg.data) <= 2*s.segment {
		s.buffers = append(s.buffers, seg.data)
	}
	seg.data = nil
}

// buffer gives memory for a segment.
func (s *Spool) buffer() []byte {
	n := len(s.buffers)
	if n == 0 {
		return nil
	}
	b := s.buffers[n-1]
	s.buffers = s.buffers[:n-1]
	return b[:0]
}

// retire removes a segment that nobody needs any more.
func (s *Spool) retire(l *classLog, seg *segment) {
	if !seg.closed || seg.waiting > 0 || seg.out > 0 {
		return
	}
	i := slices.Index(l.segments, seg)
	l.segments = slices.Delete(l.segments, i, i+1)
	s.used -= seg.cost()
	seg.release()
	s.reuse(seg)
	if seg.named {
		s.doomed = append(s.doomed, seg.path)
	}
	first := l.end
	if len(l.segments) > 0 {
		first = l.segments[0].first
	}
	l.settled.add(0, first)
}
