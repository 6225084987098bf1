// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"iter"
	"strings"
)

// records yields the line number and the fields of each line that is neither empty nor a comment.
func records(text string) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			line, _, _ = strings.Cut(line, "#")
			if f := strings.Fields(line); len(f) > 0 && !yield(n, f) {
				return
			}
		}
	}
}
