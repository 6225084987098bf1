// SPDX-License-Identifier: Apache-2.0

package spool

import (
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
		l.taken = l.end
	}
	s.shrink()
	s.checkpoint()
	s.notify()
	sync := s.options.Sync == SyncBatch || len(s.unsynced) > mostUnsynced
	s.unlock()
	if sync {
		s.sync()
	}
	s.tell()
}

// add appends one entry to the log of its class.
func (s *Spool) add(e *Entry, now time.Duration) {
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
		s.store(seg)
		s.seal(seg)
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
