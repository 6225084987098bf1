// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// unknown is the reason for a name that is none of known: it names the nearest, or else all of them.
func unknown(noun, name string, known []string) string {
	hint := "want " + list(known)
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("unknown %s %s (%s)", noun, quote(name), hint)
}

// nearest returns the known name that a typo of name most likely meant, or "".
func nearest(name string, known []string) string {
	const shortName = 5
	best, bestSlips := "", 3 // two slips are a typo, three are another word
	for _, k := range known {
		limit := bestSlips
		if len(k) <= shortName {
			limit = min(limit, 2) // in a short name, two are
		}
		if len(name) > len(k)+limit {
			continue
		}
		if slips := distance(strings.ToLower(name), k); slips < limit {
			best, bestSlips = k, slips
		}
	}
	return best
}

// distance counts the bytes to insert, delete, replace or swap with their neighbour to turn a into b.
func distance(a, b string) int {
	var before []int // row i-2
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replace := row[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			next[j] = min(replace, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
