// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"time"

	"sensor/internal/events"
)

// load reads a segment's file, and drops what waits there and is not sound. If
// it cannot be read now, it stays as it is and is tried again later.
func (s *Spool) load(l *classLog, seg *segment) {
	if err := seg.read(s.buffer(), seg.unread.pause == mostPause); err != nil {
		s.postpone(seg, err)
		return
	}
	seg.unread = backoff{}
	expected, kinds := seg.waits, seg.kinds
	l.waiting -= seg.waiting
	seg.waits, seg.waiting, seg.kinds = nil, 0, [events.KindCount]int{}
	rest := expected
	survey(seg.data, seg.first, seg.end, func(r record, offset int, sound bool) {
		for len(rest) > 0 && rest[0].end <= r.sequence {
			rest = rest[1:]
		}
		kind := s.kinds[string(r.kind)]
		// More of a kind than there were is of another file.
		if sound && len(rest) > 0 && rest[0].first <= r.sequence && seg.kinds[kind] < kinds[kind] {
			seg.expect(r, offset, kind)
		}
	})
	l.waiting += seg.waiting
	lost := uint64(0)
	for k := range kinds {
		n := uint64(kinds[k] - seg.kinds[k])
		lost += n
		s.lose(events.ReasonSpoolDamaged, events.Kind(k), n, seg.earliest, seg.latest)
	}
	if lost == 0 {
		return
	}
	s.options.Log.Warn("a segment of the spool is damaged", "file", seg.path, "events", lost)
	for _, w := range expected {
		l.lack(w.run, seg.waits, 0)
	}
	s.retire(l, seg)
}

// postpone leaves a segment that cannot be read for later.
func (s *Spool) postpone(seg *segment, err error) {
	if !s.unread {
		s.unread = true
		s.options.Log.Error("the spool cannot be read: what is there comes when it can", "error", err)
	}
	seg.unread.wait(time.Now())
}

// reread has the segments that could not be read tried again when it is time to.
func (s *Spool) reread() {
	if !s.unread {
		return
	}
	s.unread = false
	now := time.Now()
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if seg.unread.pause == 0 {
				continue
			}
			s.unread = true
			if !now.Before(seg.unread.retry) {
				s.notify()
			}
		}
	}
	if !s.unread {
		s.options.Log.Info("the spool is read again")
	}
}

// next is the first segment of which something can be taken; nil if there is none.
func (l *classLog) next() *segment {
	for _, seg := range l.segments {
		if seg.waiting > 0 && (seg.data != nil || seg.unread.pause == 0 || !time.Now().Before(seg.unread.retry)) {
			return seg
		}
	}
	return nil
}
