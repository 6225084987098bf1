// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strings"
)

// framing is the byte that -test.v=test2json puts before the lines of the framework, also in the middle of a test's unfinished line.
const framing = "\x16"

// tally counts tests and subtests.
type tally struct {
	passed  int
	failed  []string
	skipped []string
	plan    string // what served what, for the table
}

// planMark starts the line, of a test's standard output, that the table shows as the row's plan.
const planMark = "plan: "

// parseTally counts in the output of a test binary run with -test.v=test2json.
func parseTally(log string) tally {
	var t tally
	for part := range strings.SplitSeq(log, framing) {
		rest, ok := strings.CutPrefix(part, "--- ")
		if !ok {
			for line := range strings.Lines(part) {
				if plan, ok := strings.CutPrefix(line, planMark); ok {
					t.plan = strings.TrimSpace(plan)
				}
			}
			continue
		}
		verdict, rest, _ := strings.Cut(rest, ": ")
		name, _, _ := strings.Cut(rest, " ")
		switch verdict {
		case "PASS":
			t.passed++
		case "FAIL":
			t.failed = append(t.failed, name)
		case "SKIP":
			t.skipped = append(t.skipped, name)
		}
	}
	return t
}

func (t *tally) add(o tally) {
	t.passed += o.passed
	t.failed = append(t.failed, o.failed...)
	t.skipped = append(t.skipped, o.skipped...)
	t.plan = cmp.Or(t.plan, o.plan)
}

// topFailed returns the failed tests without their subtests.
func (t *tally) topFailed() []string {
	var names []string
	for _, n := range t.failed {
		if name, _, _ := strings.Cut(n, "/"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
