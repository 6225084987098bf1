// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"cmp"
	"slices"
)

// A run is the sequence numbers from first on and below end.
type run struct{ first, end uint64 }

// settled is a set of sequence numbers: runs in order, none of which touch.
type settled []run

// add puts a run into the set.
func (s *settled) add(first, end uint64) {
	if first >= end {
		return
	}
	from, _ := slices.BinarySearchFunc(*s, first, func(r run, n uint64) int { return cmp.Compare(r.end, n) })
	to := from
	for to < len(*s) && (*s)[to].first <= end {
		first, end = min(first, (*s)[to].first), max(end, (*s)[to].end)
		to++
	}
	*s = slices.Replace(*s, from, to, run{first, end})
}

// has reports whether the number is in the set.
func (s settled) has(n uint64) bool { return s.rest(n, n+1) == 0 }

// rest counts the numbers of a run that are not in the set.
func (s settled) rest(first, end uint64) uint64 {
	if first >= end {
		return 0
	}
	rest := end - first
	i, _ := slices.BinarySearchFunc(s, first, func(r run, n uint64) int { return cmp.Compare(r.end, n) })
	for ; i < len(s) && s[i].first < end; i++ {
		if from, to := max(first, s[i].first), min(end, s[i].end); from < to {
			rest -= to - from
		}
	}
	return rest
}

// end is the first number behind all that are in the set.
func (s settled) end() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].end
}
