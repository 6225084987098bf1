// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"
	"time"

	"sensor/internal/events"
)

// A classLog is the segments of one class.
type classLog struct {
	class    events.Class
	segments []*segment // in order; the last may take records yet
	end      uint64     // the next number
	taken    uint64     // likewise, when the last Append was over
	settled  settled
	waiting  int // records
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

// lack settles the numbers of a run that are in none of the spans, and counts
// those of them that were not settled and are below end.
func (l *classLog) lack(r run, found []span, end uint64) (n uint64) {
	gap := func(to uint64) {
		n += l.settled.rest(r.first, min(to, end))
		l.settled.add(r.first, to)
	}
	for _, f := range found {
		if r.first < f.end && f.first < r.end {
			gap(f.first)
			r.first = f.end
		}
	}
	gap(r.end)
	return n
}
