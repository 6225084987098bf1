// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// writeTable writes the matrix' outcome, and below it which tests were skipped where.
func writeTable(w io.Writer, results []rowResult) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ROW\tKERNEL\tARCH\tPASSED\tFAILED\tSKIPPED\tRESULT\tTIME\tPLAN")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%.0f s\t%s\n", r.row.Name, r.label, r.row.Arch,
			r.tally.passed, len(r.tally.failed), len(r.tally.skipped), r.verdict(), r.time.Seconds(), cmp.Or(r.tally.plan, "-"))
	}
	tw.Flush()

	rows := map[string][]string{} // by skipped test
	var names []string
	for _, r := range results {
		for _, name := range r.tally.skipped {
			if rows[name] == nil {
				names = append(names, name)
			}
			rows[name] = append(rows[name], r.row.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(w, "skipped %s on %s\n", name, strings.Join(rows[name], ", "))
	}
}
