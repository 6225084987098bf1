// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"math"
	"time"
)

// Stats are what a spool holds at one moment.
type Stats struct {
	Bytes    int64     // of disk or memory
	Entries  uint64    // that are not settled
	Oldest   time.Time // when the oldest of them was appended; zero if there is none
	OnDisk   bool      // false in memory mode, and while the disk cannot be written to
	Segments int
	Damaged  uint64 // events that damage has cost since Open
}

// Stats may be called at any time. It does not wait for the disk: while that hangs, it says what was before.
func (s *Spool) Stats() Stats { return *s.shown.Load() }

// unlock gives mu back, and shows what has become of the spool.
func (s *Spool) unlock() {
	s.shown.Store(new(s.stats()))
	s.mu.Unlock()
}

func (s *Spool) stats() Stats {
	now := s.age.now()
	st := Stats{Bytes: s.used, OnDisk: s.dir != nil && s.trouble.err == nil, Damaged: s.damaged}
	oldest := time.Duration(math.MaxInt64)
	older := func(seg *segment, spooled time.Duration) { oldest = min(oldest, s.age.since(seg, spooled)) }
	for _, l := range s.logs() {
		st.Segments += len(l.segments)
		st.Entries += uint64(l.waiting)
		for _, seg := range l.segments {
			if seg.waiting > 0 {
				older(seg, seg.waits[0].since)
				break
			}
		}
	}
	for _, b := range s.batches {
		st.Entries += uint64(len(b.Entries))
		for _, p := range b.parts {
			older(p.segment, p.since)
		}
	}
	if st.Entries > 0 {
		st.Oldest = time.Now().Add(oldest - now)
	}
	return st
}
