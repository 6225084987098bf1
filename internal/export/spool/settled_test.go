// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"math/rand/v2"
	"testing"
)

// The set agrees with one that is a list of numbers.
func TestSettled(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var set settled
		var model [100]bool
		for range random.IntN(30) {
			first := random.IntN(len(model))
			end := first + random.IntN(min(12, len(model)-first+1))
			set.add(uint64(first), uint64(end))
			for n := first; n < end; n++ {
				model[n] = true
			}
		}
		var end uint64
		for n, in := range model {
			if set.has(uint64(n)) != in {
				t.Fatalf("%v: %d: %v", set, n, !in)
			}
			if in {
				end = uint64(n) + 1
			}
			var rest uint64
			for to := n; to < len(model); to++ {
				if !model[to] {
					rest++
				}
				if got := set.rest(uint64(n), uint64(to)+1); got != rest {
					t.Fatalf("%v: %d to %d lack %d, want %d", set, n, to, got, rest)
				}
			}
		}
		if set.end() != end {
			t.Fatalf("%v ends at %d, want %d", set, set.end(), end)
		}
		for i := range set {
			if set[i].first >= set[i].end || i > 0 && set[i-1].end >= set[i].first {
				t.Fatalf("%v is not in order", set)
			}
		}
	}
}
