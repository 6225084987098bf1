// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"
	"time"

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

// shrink drops what is too much in memory: all of an Append is there before it is known
// that the disk does not take it.
func (s *Spool) shrink() {
	for s.trouble.err != nil && s.inMemory() > s.memory && s.evict(&s.critical, true) {
	}
}

// inMemory counts the bytes of the segments that are not wholly on disk.
func (s *Spool) inMemory() int {
	var n int
	for _, l := range s.logs() {
		for _, seg := range slices.Backward(l.segments) {
			if !seg.inMemory() {
				break
			}
			n += seg.size
		}
	}
	return n
}

// evict drops one segment so that a record of the log finds room. A segment of
// which a batch is out stays: that would give no room.
func (s *Spool) evict(l *classLog, memory bool) bool {
	candidate := func(seg *segment) bool { return seg.out == 0 && (!memory || seg.inMemory()) }
	if s.options.Full == FullNewest {
		if l != &s.critical {
			return false
		}
		for _, seg := range slices.Backward(s.bulk.segments) {
			if candidate(seg) {
				s.drop(&s.bulk, seg, events.ReasonSpoolFull)
				s.checkpoint()
				return true
			}
		}
		return false
	}
	for _, from := range []*classLog{&s.bulk, &s.critical} {
		if i := slices.IndexFunc(from.segments, candidate); i >= 0 {
			s.drop(from, from.segments[i], events.ReasonSpoolFull)
			s.checkpoint()
			return true
		}
		if from == l {
			break // critical ones do not go for bulk ones
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

// lose counts spooled events as dropped, and remembers to tell of them.
func (s *Spool) lose(reason events.Reason, kind events.Kind, n uint64, first, last int64) {
	if n > 0 {
		s.options.Ledger.Unspooled(kind, n)
		s.lost(events.Loss{Kind: kind, Stage: reason, CPU: -1, Count: n, First: timeOf(first), Last: timeOf(last)})
	}
}

// refuse drops an entry that was not spooled.
func (s *Spool) refuse(reason events.Reason, e *Entry) {
	s.lost(events.Loss{Kind: e.Kind, Stage: reason, CPU: -1, Count: 1, First: e.Time, Last: e.Time})
}

// lost counts a loss, and adds it to those that are to be told. The caller holds mu.
func (s *Spool) lost(loss events.Loss) {
	s.options.Ledger.Dropped(loss.Stage, loss.Kind, loss.Count)
	if loss.Stage == events.ReasonSpoolDamaged {
		s.damaged += loss.Count
	}
	for i := range s.losses {
		sum := &s.losses[i]
		if sum.Kind != loss.Kind || sum.Stage != loss.Stage {
			continue
		}
		sum.Count += loss.Count
		if sum.First.IsZero() || !loss.First.IsZero() && loss.First.Before(sum.First) {
			sum.First = loss.First
		}
		if loss.Last.After(sum.Last) {
			sum.Last = loss.Last
		}
		return
	}
	s.losses = append(s.losses, loss)
}

// logEach is how often losses are logged, at most: the stream and the counters tell of each.
const logEach = time.Minute

// tell tells of what was lost. The caller does not hold mu: who is told may wait for who appends.
func (s *Spool) tell() {
	s.mu.Lock()
	losses := s.losses
	s.losses = nil
	quiet := len(losses) == 0 || time.Since(s.logged) < logEach
	if !quiet {
		s.logged = time.Now()
	}
	s.mu.Unlock()
	if !quiet {
		s.options.Log.Warn("the spool has lost events", "reason", losses[0].Stage, "kind", losses[0].Kind, "count", losses[0].Count)
	}
	for _, loss := range losses {
		s.options.Lost(loss)
	}
}
