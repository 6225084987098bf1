// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"cmp"
	"slices"
	"time"

	"sensor/internal/events"
)

// sequences finds what is missing: each CPU numbers its messages. The zero value
// is ready to use.
type sequences struct {
	cpus map[uint32]*sequence
}

type sequence struct {
	next        uint32
	missing     int64 // less than 0 where late ones came after they were told as lost
	first, last time.Time
}

// maxCPUs is more than Linux can be built for. Before Linux 4.6 an answer has no
// sequence and says that it comes from CPU -1.
const maxCPUs = 1 << 14

// note takes the number of a message. What an old kernel sends out of order is
// missing only until it is there.
func (s *sequences) note(cpu, number uint32, now time.Time) {
	if cpu >= maxCPUs {
		return
	}
	c := s.cpus[cpu]
	if c == nil {
		if s.cpus == nil {
			s.cpus = map[uint32]*sequence{}
		}
		s.cpus[cpu] = &sequence{next: number + 1}
		return
	}
	gap := int32(number - c.next)
	if gap < 0 {
		c.missing--
		return
	}
	if gap > 0 {
		if c.missing <= 0 {
			c.first = now
		}
		c.missing += int64(gap)
		c.last = now
	}
	c.next = number + 1
}

// take gives what is missing by now, by CPU, and starts anew.
func (s *sequences) take() []events.Loss {
	var losses []events.Loss
	for cpu, c := range s.cpus {
		if c.missing > 0 {
			losses = append(losses, events.Loss{
				Kind: events.KindNone, Stage: events.ReasonSocket, CPU: int(cpu),
				Count: uint64(c.missing), First: c.first, Last: c.last,
			})
			c.missing = 0
		}
	}
	slices.SortFunc(losses, func(a, b events.Loss) int { return cmp.Compare(a.CPU, b.CPU) })
	return losses
}
