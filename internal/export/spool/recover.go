// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// otherBytes is what the spool takes beside its segments: the directory, the format and the state.
const otherBytes = 2*blockBytes + 2*slotBytes

// recover takes over what an earlier run has left in the directory.
func (s *Spool) recover() error {
	dir, err := openDirectory(s.options.Dir)
	s.dir, s.state, s.used = dir, newStateFile(dir.path), otherBytes
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) { // so there is no earlier run's, or mend finds that out
		s.fail(err)
		return nil
	}
	if err != nil {
		return err
	}
	noted, ok, err := s.state.read()
	if err != nil {
		dir.close()
		return err
	}
	s.age = resume(noted.age, *s.options.clocks)
	s.last.generation = noted.generation
	// After a power loss a segment that was removed when it was settled may be gone, and
	// the state that says so not be there. Then what lies between two files tells nothing.
	exact := ok && (noted.clean || noted.age.in(*s.options.clocks))
	for i, l := range s.logs() {
		noted := &noted.logs[i]
		l.settled = noted.settled
		l.taken = max(1, noted.end)
		l.end = max(l.taken, l.settled.end())
		if err := s.recoverLog(l, exact); err != nil {
			dir.close()
			return err
		}
	}
	if err := dir.sign(); err != nil {
		s.fail(err)
	}
	s.checkpoint()
	return nil
}

// recoverLog takes over the segments of a log. exact says that numbers which are
// neither settled nor in a file are those of events that are lost.
func (s *Spool) recoverLog(l *classLog, exact bool) error {
	firsts, err := s.dir.segments(l.class)
	if err != nil {
		return err
	}
	last := run{1, l.taken} // what was before the first segment is settled, or lost
	if len(firsts) > 0 {
		last.end = firsts[0]
	}
	known := l.taken
	if !exact {
		known = 0
	}
	s.missing(events.KindNone, l.lack(last, nil, known), noTime, noTime)
	for i, first := range firsts {
		seg := newSegment(first, s.dir.segmentName(l.class, first))
		seg.named, seg.closed, seg.earlier = true, true, true
		if i+1 < len(firsts) {
			err = s.recoverSegment(l, seg, run{firsts[i+1], firsts[i+1]}, known)
		} else {
			err = s.recoverSegment(l, seg, run{l.taken, mostSequence}, known)
		}
		if err != nil {
			return err
		}
		last = seg.run
	}
	l.settled.add(last.end, l.end) // numbers of an Append that was never over
	l.taken = l.end
	for _, seg := range slices.Clone(l.segments) {
		s.retire(l, seg)
	}
	return nil
}

// recoverSegment takes over a segment, which ends within the given numbers. Of
// those below known it is sure that there was an event; if known is 0, nothing is known.
func (s *Spool) recoverSegment(l *classLog, seg *segment, ends run, known uint64) error {
	if err := seg.read(s.buffer(), true); err != nil {
		return err
	}
	seg.size, seg.stored = len(seg.data), len(seg.data)
	type half struct { // a record with a damaged body
		sequence uint64
		kind     events.Kind
	}
	var halves []half
	survey(seg.data, seg.first, ends.end, func(r record, offset int, sound bool) {
		kind := s.kinds[string(r.kind)]
		if sound {
			seg.end = r.sequence + 1
		}
		switch {
		case l.settled.has(r.sequence):
		case sound:
			seg.expect(r, offset, kind)
		default:
			halves = append(halves, half{r.sequence, kind})
		}
	})
	s.reuse(seg)
	if known == 0 {
		known = seg.end // there were those before one that is found
	}
	seg.end = max(seg.end, ends.first)
	for k, n := range seg.kinds {
		s.options.Ledger.Recovered(events.Kind(k), uint64(n))
	}
	missing := l.lack(seg.run, seg.waits, known)
	if missing > 0 {
		s.options.Log.Warn("a segment of the spool is damaged", "file", seg.path, "events", missing)
	}
	for _, h := range halves {
		if h.sequence < known {
			s.missing(h.kind, 1, seg.earliest, seg.latest)
			missing--
		}
	}
	s.missing(events.KindNone, missing, seg.earliest, seg.latest)
	l.segments = append(l.segments, seg)
	l.waiting += seg.waiting
	l.end = max(l.end, seg.end)
	s.used += seg.cost()
	s.age.base += max(0, seg.newest-s.age.now())
	return nil
}

// missing counts events of the earlier run that damage has cost.
func (s *Spool) missing(kind events.Kind, n uint64, first, last int64) {
	s.options.Ledger.Recovered(kind, n)
	s.lose(events.ReasonSpoolDamaged, kind, n, first, last)
}
