// SPDX-License-Identifier: Apache-2.0

package view

import "strings"

// A table is rows of cells in columns. The first row is its head.
type table struct {
	rows [][]string
	left int  // how many columns are on the left; the others are numbers, on the right
	last bool // the last column is on the left, too, and as wide as there is room
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// columns is how wide a page is.
const columns = 100

// write appends the table, each line with the given indentation.
func (t *table) write(b *strings.Builder, indent string) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range t.rows {
		line := indent
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			end := i == len(row)-1
			if t.last && end {
				line += clip(cell, max(columns-width(line), 10))
				continue
			}
			space := strings.Repeat(" ", widths[i]-width(cell))
			if i < t.left {
				line += cell + space
			} else {
				line += space + cell
			}
		}
		b.WriteString(clip(strings.TrimRight(line, " "), columns) + "\n")
	}
}
