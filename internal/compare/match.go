// SPDX-License-Identifier: Apache-2.0

package compare

import "sensor/internal/events"

// span is from when an event may have happened to when it was told.
func (p *pending) span() (from, to int64) { return p.doc.at, max(p.doc.at, p.told) }

// Among how many events that fit the best partner is looked for, and among how many in all.
const (
	maxFitting    = 8
	maxCandidates = 64
)

// best is the partner that differs in the fewest fields; of several the nearest
// in time, of several the first. nil if none fits.
func (c *Comparison) best(p *pending, q queue, which int, fits func(a, b *document) bool) *pending {
	var found *pending
	var differs int
	fitting := 0
	for candidate, n := q.head, 0; candidate != nil && n < maxCandidates && fitting < maxFitting; candidate, n = candidate.links[which].after, n+1 {
		if !c.near(p, candidate) || !c.opensFirst(p, candidate) || !fits(p.doc, candidate.doc) {
			continue
		}
		fitting++
		if found == nil {
			found, differs = candidate, -1
			continue
		}
		if differs < 0 {
			differs = c.differing(p.doc, found.doc)
		}
		if d := c.differing(p.doc, candidate.doc); d < differs || d == differs && distance(p, candidate) < distance(p, found) {
			found, differs = candidate, d
		}
	}
	return found
}

func distance(p, q *pending) int64 { return max(p.doc.at-q.doc.at, q.doc.at-p.doc.at) }

// near reports whether both may have happened at the same time.
func (c *Comparison) near(p, q *pending) bool {
	tolerance := int64(c.options.Tolerance)
	return p.doc.at <= q.latest+tolerance && q.doc.at <= p.latest+tolerance
}

// opensFirst reports whether two events may be one where one side tells the open
// of a file and the other what was written then.
func (c *Comparison) opensFirst(p, q *pending) bool {
	if p.doc.kind != events.KindFileWrite || c.options.Sides[p.side].Source == c.options.Sides[q.side].Source {
		return true
	}
	if c.options.Sides[q.side].Source == audit {
		p, q = q, p
	}
	return c.options.Sides[p.side].Source != audit || p.doc.at <= q.doc.at+int64(coarse)
}

// conflict reports whether both have the field, and other values.
func (c *Comparison) conflict(a, b *document, id fieldID) bool {
	x, y := a.get(c.names, id), b.get(c.names, id)
	return x != nil && y != nil && string(x) != string(y)
}

// alike is whether two events of the same pid may be of the same process, and are
// both summaries or none.
func (c *Comparison) alike(a, b *document) bool {
	return !c.conflict(a, b, fieldEntity) && (a.get(c.names, fieldSummary) == nil) == (b.get(c.names, fieldSummary) == nil)
}

// agrees is whether two events of the same process and content may be one for certain.
func (c *Comparison) agrees(a, b *document) bool {
	for _, id := range apart {
		if c.conflict(a, b, id) {
			return false
		}
	}
	return c.alike(a, b)
}

// resembles is whether two events of the same process, of which nothing better
// has come, may be one: they share some of the content, or one knows none.
func (c *Comparison) resembles(a, b *document) bool {
	if !c.alike(a, b) {
		return false
	}
	var some [2]bool
	for _, id := range pairings[a.kind].content {
		x, y := a.get(c.names, id), b.get(c.names, id)
		if x != nil && string(x) == string(y) {
			return true
		}
		some[A], some[B] = some[A] || x != nil, some[B] || y != nil
	}
	if c.conflict(a, b, fieldInode) || c.conflict(a, b, fieldDevice) {
		return false
	}
	return c.same(a, b, fieldInode) || !some[A] || !some[B]
}
