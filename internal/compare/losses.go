// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"errors"
	"slices"

	"sensor/internal/events"
)

// A loss is what a side has told to have lost, as far as no event was found that it could be.
type loss struct {
	kind events.Kind
	span span
	left uint64
}

// maxLosses bounds what is remembered of losses.
const maxLosses = 1024

// lose takes in what a side has told of its losses.
func (c *Comparison) lose(s *sideState, d *document) {
	kind, _ := events.KindByName(text(d.get(c.names, fieldLossKind))) // KindNone: any
	from, err := parseTime(d.get(c.names, fieldStart))
	to, err2 := parseTime(d.get(c.names, fieldEnd))
	if errors.Join(err, err2) != nil {
		return
	}
	if len(s.losses) == maxLosses {
		s.losses = slices.Delete(s.losses, 0, 1)
	}
	s.losses = append(s.losses, loss{kind, span{from, to}, number(d.get(c.names, fieldLossCount))})
}

// takeLoss reports whether an event may be one of those that the side has told
// as lost. Each is taken once.
func (s *sideState) takeLoss(kind events.Kind, from, to int64) bool {
	i := slices.IndexFunc(s.losses, func(l loss) bool {
		return l.left > 0 && (l.kind == kind || l.kind == events.KindNone) && from <= l.span.to && to >= l.span.from
	})
	if i < 0 {
		return false
	}
	s.losses[i].left--
	return true
}
