// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLines bounds what is shown of one run.
const maxLines = 200

// writeFailures writes the output of the failed tests; of a run that ended otherwise, its last lines.
func writeFailures(w io.Writer, log string, failed []string) {
	lines := failureLines(log, failed)
	if len(failed) == 0 {
		lines = slices.Collect(strings.Lines(strings.ReplaceAll(log, framing, "")))
	}
	if n := len(lines) - maxLines; n > 0 {
		fmt.Fprintf(w, "(%d lines left out)\n", n)
		lines = lines[n:]
	}
	for _, l := range lines {
		io.WriteString(w, l)
	}
}

// failureLines returns the lines that failed tests have printed, and those that belong to no test.
func failureLines(log string, failed []string) []string {
	var lines []string
	wanted := true
	for part := range strings.SplitSeq(log, framing) {
		first, rest, _ := strings.Cut(part, "\n")
		f := strings.Fields(first)
		switch {
		case len(f) < 2 || f[0] != "===" && f[0] != "---":
			rest = part
		case f[0] == "---":
			if f[1] == "FAIL:" {
				lines = append(lines, first+"\n")
			}
		case len(f) == 2: // "=== NAME" without a name: the framework itself speaks
			wanted = true
		default: // RUN, CONT, NAME, PAUSE
			wanted = slices.Contains(failed, f[2])
		}
		if wanted {
			lines = append(lines, slices.Collect(strings.Lines(rest))...)
		}
	}
	return lines
}
