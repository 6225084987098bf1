// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is instead of comparing with what should be")

const planFile = "testdata/plan.txt"

// row names the kernel that the tests run on as vmtests/rows.txt does, or host.
func row() string {
	if row := os.Getenv("SENSOR_VM_ROW"); row != "" {
		return row
	}
	return "host"
}

// TestPlan compares the variant that serves each kind with the one that served
// it before: a silent fall to a worse one fails.
func TestPlan(t *testing.T) {
	plan := map[string]string{} // kind → variant
	for _, a := range diagnose().Kinds {
		if _, served := plan[a.Kind]; !served && a.Works {
			plan[a.Kind] = a.Variant
		}
	}
	for _, kind := range schema().Kinds {
		if plan[kind.Name] == "" {
			plan[kind.Name] = "none"
		}
	}
	rows := readPlans(t)
	if *update {
		rows[row()] = plan
		writePlans(t, rows)
		return
	}
	want, ok := rows[row()]
	if !ok {
		t.Fatalf("%s has no row %s", planFile, row())
	}
	if maps.Equal(plan, want) {
		return
	}
	if row() == "host" { // of which there are many: a plan that any kernel of the matrix has will do
		for _, other := range rows {
			if maps.Equal(plan, other) {
				return
			}
		}
	}
	t.Errorf("on row %s the plan is %v, %s has %v", row(), plan, planFile, want)
	for _, a := range diagnose().Kinds {
		if !a.Works {
			t.Logf("%s by %s: %s", a.Kind, a.Variant, a.Reason)
		}
	}
}

// TestEveryVariantIsUsed finds variants that no row picks: they are to be deleted.
func TestEveryVariantIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, plan := range readPlans(t) {
		for kind, variant := range plan {
			used[kind+" "+variant] = true
		}
	}
	for _, a := range diagnose().Kinds {
		if a.Variant != "" && !used[a.Kind+" "+a.Variant] {
			t.Errorf("no row serves %s by %s", a.Kind, a.Variant)
		}
	}
}

func readPlans(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(planFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	rows := map[string]map[string]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] == "#" {
			continue
		}
		if rows[fields[0]] == nil {
			rows[fields[0]] = map[string]string{}
		}
		rows[fields[0]][fields[1]] = fields[2]
	}
	return rows
}

func writePlans(t *testing.T, rows map[string]map[string]string) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# Which variant serves each kind: row of vmtests/rows.txt (or host), kind, variant.\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		for _, kind := range slices.Sorted(maps.Keys(rows[name])) {
			fmt.Fprintln(&b, name, kind, rows[name][kind])
		}
	}
	for _, path := range []string{planFile, "/out/plan.txt"} { // the second is brought back from a VM
		if path != planFile && row() == "host" {
			continue
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
