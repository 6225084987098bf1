// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"
	"strings"
)

// around is how many lines that are alike stand before and after a change.
const around = 3

// difference shows what has to change to make before into after, as a unified diff without file names; "" if nothing has.
// It takes memory for len(before) times len(after) between the first and the last difference.
func difference(before, after []string) string {
	script := edits(before, after)
	var out strings.Builder
	for i := 0; i < len(script); {
		if script[i].sign == ' ' {
			i++
			continue
		}
		// A hunk goes on until there are more lines alike than two hunks would show.
		begin, end, alike := max(i-around, 0), i, 0
		for ; end < len(script) && alike <= 2*around; end++ {
			if script[end].sign == ' ' {
				alike++
			} else {
				alike = 0
			}
		}
		end -= max(alike-around, 0)
		hunk := script[begin:end]
		fmt.Fprintf(&out, "@@ -%s +%s @@\n", span(hunk, script[:begin], '-'), span(hunk, script[:begin], '+'))
		for _, e := range hunk {
			fmt.Fprintf(&out, "%c%s\n", e.sign, e.line)
		}
		i = end
	}
	return out.String()
}

// An edit is a line with what becomes of it: ' ' it stays, '-' it goes, '+' it comes.
type edit struct {
	sign byte
	line string
}

// span is "line,count" of the side that has the sign.
func span(hunk, before []edit, sign byte) string {
	count := func(list []edit) (n int) {
		for _, e := range list {
			if e.sign == ' ' || e.sign == sign {
				n++
			}
		}
		return n
	}
	lines, first := count(hunk), count(before)
	if lines > 0 {
		first++ // lines are counted from one; of no lines it is the one before
	}
	return fmt.Sprintf("%d,%d", first, lines)
}

// edits is the shortest script of edits, by the longest common subsequence.
func edits(before, after []string) []edit {
	var script []edit
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		script = append(script, edit{' ', before[0]})
		before, after = before[1:], after[1:]
	}
	var tail []string
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		tail = append(tail, before[len(before)-1])
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	// length[i][j] is how much before[i:] and after[j:] have in common.
	length := make([][]int32, len(before)+1)
	for i := range length {
		length[i] = make([]int32, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			script = append(script, edit{' ', before[i]})
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && length[i+1][j] >= length[i][j+1]:
			script = append(script, edit{'-', before[i]})
			i++
		default:
			script = append(script, edit{'+', after[j]})
			j++
		}
	}
	for k := len(tail) - 1; k >= 0; k-- {
		script = append(script, edit{' ', tail[k]})
	}
	return script
}
