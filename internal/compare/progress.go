// SPDX-License-Identifier: Apache-2.0

package compare

import "sensor/internal/events"

// Progress is where a comparison stands.
type Progress struct {
	Seen    [2]uint64 // by side
	Both    uint64    // pairs
	Only    [2]uint64
	Pending int
}

// Progress says where the comparison stands.
func (c *Comparison) Progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	var p Progress
	for kind := range events.KindCount {
		p.Both += c.pairs[kind]
		for side := range c.sides {
			if k := c.sides[side].kinds[kind]; k != nil {
				p.Seen[side] += k.seen
				p.Only[side] += k.only
			}
		}
	}
	p.Pending = c.sides[A].waiting.count + c.sides[B].waiting.count
	return p
}
