// SPDX-License-Identifier: Apache-2.0

// Package view writes reports of comparisons: for a terminal, for machines,
// and as a page that opens offline. Names in a report come from outside; what
// could command a terminal or a browser is made harmless.
package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sensor/internal/compare"
)

// JSON writes the report as one indented object.
func JSON(w io.Writer, r *compare.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Progress is where a comparison stands, in less than 80 columns without a newline.
func Progress(p compare.Progress, a, b string) string {
	return fmt.Sprintf("%s %s, %s %s: both %s, only %s and %s, %s wait", clip(a, 8), count(p.Seen[compare.A]), clip(b, 8), count(p.Seen[compare.B]),
		count(p.Both), count(p.Only[compare.A]), count(p.Only[compare.B]), count(uint64(p.Pending)))
}

// count writes a number with commas.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// duration writes three digits and a unit.
func duration(d time.Duration) string {
	for _, unit := range [...]struct {
		name string
		size time.Duration
	}{{"s", time.Second}, {"ms", time.Millisecond}, {"µs", time.Microsecond}} {
		if d >= unit.size {
			value := float64(d) / float64(unit.size)
			return strconv.FormatFloat(value, 'f', max(0, 3-len(strconv.Itoa(int(value)))), 64) + " " + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// percent never says 100 % of what is less.
func percent(r compare.Ratio) string {
	switch {
	case r.Of == 0:
		return "-"
	case r.Agree == r.Of:
		return "100 %"
	}
	return fmt.Sprintf("%.2f %%", min(r.Ratio*100, 99.99))
}

// plain makes every rune that does not print visible.
func plain(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// clip makes a text plain and no longer than the given columns.
func clip(s string, columns int) string {
	s = plain(s)
	if width(s) <= columns {
		return s
	}
	cut := 0
	for i, r := range s {
		if cut += runeWidth(r); cut > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// width is how many columns a text may take.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 1 for what is narrow for certain, and else 2.
func runeWidth(r rune) int {
	if r < 0x300 || r >= 0x2000 && r < 0x2100 {
		return 1
	}
	return 2
}
