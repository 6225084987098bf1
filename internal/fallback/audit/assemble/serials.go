// SPDX-License-Identifier: Apache-2.0

package assemble

import (
	"slices"
	"time"
)

// serials finds the numbers that never came. They come nearly in order: two
// CPUs may take one each and queue their records the other way round.
type serials struct {
	begun   bool
	highest uint32
	gaps    []gap // oldest first
	missing uint64
}

// gap is a run of serials that have not come yet.
type gap struct {
	first uint32
	n     uint32
	since time.Time
}

const (
	// mostGaps bounds how many gaps are open at a time.
	mostGaps = 256
	// sameBoot is how far back a serial may lie that belongs to the same
	// counting. Farther back the host has booted anew.
	sameBoot = 1 << 16
)

func (s *serials) see(serial uint32, now time.Time) {
	ahead := int32(serial - s.highest) // the counter wraps around
	switch {
	case !s.begun || ahead < -sameBoot:
		s.settleAll()
		s.begun, s.highest = true, serial
	case ahead > 0:
		if ahead > 1 {
			if len(s.gaps) == mostGaps {
				s.missing += uint64(s.gaps[0].n)
				s.gaps = slices.Delete(s.gaps, 0, 1)
			}
			s.gaps = append(s.gaps, gap{s.highest + 1, uint32(ahead - 1), now})
		}
		s.highest = serial
	case len(s.gaps) > 0:
		s.fill(serial)
	}
}

// fill takes a late serial out of its gap.
func (s *serials) fill(serial uint32) {
	for i := range s.gaps {
		g := s.gaps[i]
		at := serial - g.first
		if at >= g.n {
			continue
		}
		before, after := gap{g.first, at, g.since}, gap{serial + 1, g.n - at - 1, g.since}
		switch {
		case before.n == 0 && after.n == 0:
			s.gaps = slices.Delete(s.gaps, i, i+1)
		case before.n == 0:
			s.gaps[i] = after
		default:
			s.gaps[i] = before
			if after.n > 0 {
				s.gaps = slices.Insert(s.gaps, i+1, after)
			}
		}
		return
	}
}

// settle gives up on the gaps that are older than the given time.
func (s *serials) settle(before time.Time) {
	i := 0
	for ; i < len(s.gaps) && s.gaps[i].since.Before(before); i++ {
		s.missing += uint64(s.gaps[i].n)
	}
	s.gaps = slices.Delete(s.gaps, 0, i)
}

func (s *serials) settleAll() {
	for _, g := range s.gaps {
		s.missing += uint64(g.n)
	}
	s.gaps = s.gaps[:0]
}
