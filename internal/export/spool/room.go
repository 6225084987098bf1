// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"

	"sensor/internal/events"
)

// makeRoom makes room for a record of the log, if need be at the cost of others,
// and reports whether there is room.
func (s *Spool) makeRoom(l *classLog, size int) bool {
	for s.used+int64(size)+blockBytes > s.options.MaxBytes {
		if !s.evict(l, false) {
			return false
		}
	}
	for s.trouble.err != nil && s.inMemory()+size > s.memory {
		if !s.evict(l, true) {
			return false
		}
	}
	return true
}

// evict drops one segment so that a record of the log finds room. A segment of
// which a batch is out stays: that would give no room.
func (s *Spool) evict(l *classLog, memory bool) bool {
	newest := s.options.Full == FullNewest
	from := []*classLog{&s.bulk}
	switch {
	case newest && l == &s.bulk:
		return false
	case !newest && l == &s.critical:
		from = append(from, l)
	}
	for _, from := range from {
		for i := range from.segments {
			if newest {
				i = len(from.segments) - 1 - i
			}
			if seg := from.segments[i]; seg.out == 0 && (!memory || seg.inMemory()) {
				s.drop(from, seg, events.ReasonSpoolFull)
				s.checkpoint()
				return true
			}
		}
	}
	return false
}

// ageParts is into how many segments at least a log is cut in MaxAge: what is
// too old goes by segments.
const ageParts = 16

// expire drops what has waited for too long.
func (s *Spool) expire() {
	if s.options.MaxAge == 0 {
		return
	}
	now := s.age.now()
	for _, l := range s.logs() {
		for _, seg := range slices.Clone(l.segments) {
			if now-seg.newest > s.options.MaxAge {
				s.drop(l, seg, events.ReasonSpoolAge)
			}
		}
	}
}

// drop drops what waits in a segment.
func (s *Spool) drop(l *classLog, seg *segment, reason events.Reason) {
	for k, n := range seg.kinds {
		s.lose(reason, events.Kind(k), uint64(n), seg.earliest, seg.latest)
	}
	for _, w := range seg.waits {
		l.settled.add(w.first, w.end)
	}
	l.waiting -= seg.waiting
	seg.waits, seg.waiting, seg.kinds = nil, 0, [events.KindCount]int{}
	if !seg.closed {
		s.seal(seg)
	}
	s.retire(l, seg)
}
