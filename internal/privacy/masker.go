// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"cmp"
	"slices"
	"strings"
)

// masker gathers what to mask in one packed string. It is for one pass.
type masker struct {
	r     *Redactor
	s     string
	spans []span // in any order, may overlap
}

// span is the bytes from lo up to hi.
type span struct{ lo, hi int }

// mask marks a value as secret, but for the quotes around it. An empty value
// and one that is masked already do not count.
func (m *masker) mask(lo, hi int) {
	lo, hi = unquote(m.s, lo, hi)
	if lo < hi && m.s[lo:hi] != mask {
		m.spans = append(m.spans, span{lo, hi})
	}
}

// result is the string with its marked spans masked, and whether there were any.
func (m *masker) result() (string, bool) {
	if len(m.spans) == 0 {
		return m.s, false
	}
	spans := merge(m.spans)
	var b strings.Builder
	b.Grow(len(m.s) + len(spans)*len(mask))
	done := 0
	for _, s := range spans {
		b.WriteString(m.s[done:s.lo])
		b.WriteString(mask)
		done = s.hi
	}
	b.WriteString(m.s[done:])
	return b.String(), true
}

// merge sorts the spans, in place, and joins those that touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	joined := spans[:1]
	for _, s := range spans[1:] {
		if last := &joined[len(joined)-1]; s.lo <= last.hi {
			last.hi = max(last.hi, s.hi)
		} else {
			joined = append(joined, s)
		}
	}
	return joined
}
