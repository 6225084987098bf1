// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"

	"sensor/internal/events"
)

// makeRoom makes room for a record of the log, if need be at the cost of others,
// and reports whether there is room. If there cannot be, nothing goes for it.
func (s *Spool) makeRoom(l *classLog, size int) bool {
	return s.free(l, false, func() int64 { return s.used + int64(size) + blockBytes - s.options.MaxBytes }) &&
		(s.trouble.err == nil || s.free(l, true, func() int64 { return int64(s.inMemory() + size - s.memory) }))
}

// free evicts until nothing lacks.
func (s *Spool) free(l *classLog, memory bool, lacks func() int64) bool {
	if n := lacks(); n <= 0 {
		return true
	} else if n > s.evictable(l, memory) {
		return false
	}
	for lacks() > 0 {
		if !s.evict(l, memory) {
			return false
		}
	}
	return true
}

// evict drops one segment so that a record of the log finds room. A segment of
// which a batch is out stays: that would give no room.
func (s *Spool) evict(l *classLog, memory bool) bool {
	for _, from := range s.yielding(l) {
		for i := range from.segments {
			if s.options.Full == FullNewest {
				i = len(from.segments) - 1 - i
			}
			if seg := from.segments[i]; seg.yields(memory) {
				s.drop(from, seg, events.ReasonSpoolFull)
				s.checkpoint()
				return true
			}
		}
	}
	return false
}

// evictable is how many bytes evict could give to a record of the log.
func (s *Spool) evictable(l *classLog, memory bool) (n int64) {
	for _, from := range s.yielding(l) {
		for _, seg := range from.segments {
			switch {
			case !seg.yields(memory):
			case memory:
				n += int64(seg.size)
			default:
				n += seg.cost()
			}
		}
	}
	return n
}

// yielding is the logs that give way to one, in order.
func (s *Spool) yielding(l *classLog) []*classLog {
	switch newest := s.options.Full == FullNewest; {
	case newest && l == &s.bulk:
		return nil
	case !newest && l == &s.critical:
		return []*classLog{&s.bulk, l}
	}
	return []*classLog{&s.bulk}
}

// yields reports whether the segment could give way; memory: and free memory.
func (s *segment) yields(memory bool) bool { return s.out == 0 && (!memory || s.inMemory()) }

// ageParts is into how many segments at least a log is cut in MaxAge: what is
// too old goes by segments.
const ageParts = 16

// expire drops what has waited for too long.
func (s *Spool) expire() {
	s.age.believe()
	if s.options.MaxAge == 0 {
		return
	}
	now := s.age.now()
	for _, l := range s.logs() {
		for _, seg := range slices.Clone(l.segments) {
			if now-s.age.since(seg, seg.newest) > s.options.MaxAge {
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
