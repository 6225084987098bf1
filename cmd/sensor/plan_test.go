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

	"sensor/internal/probes"
	"sensor/vmtests"
)

var update = flag.Bool("update", false, "write what is instead of comparing with what should be")

const planFile = "testdata/plan.txt"

// row names the kernel that the tests run on as vmtests/rows.txt does, or host,
// or unlisted for a kernel in a virtual machine that is no row.
func row() string {
	if row := os.Getenv("SENSOR_VM_ROW"); row != "" {
		return row
	}
	return "host"
}

// anyKernel is true where nothing was written down about the kernel before.
func anyKernel(row string) bool { return row == "host" || row == "unlisted" }

// bareRows are those whose kernels load none of the programs, each with a part
// of the kernel's reason. TestPlanFile holds the list to the plans.
var bareRows = map[string]string{
	"6.1-lockdown": "unknown func bpf_probe_read",
	"6.12-nobtf":   "no BTF found",
}

// bare reports whether programs cannot load on this row, as a row of bareRows.
func bare() bool { return bareRows[row()] != "" }

// needsPrograms skips a test on bareRows, and nowhere else.
func needsPrograms(t *testing.T) {
	t.Helper()
	if bare() {
		t.Skipf("no program loads on row %s: %s", row(), bareRows[row()])
	}
}

// byPrograms are the attempts of the source whose variants depend on the kernel.
func byPrograms(d diagnosis) []attempt {
	return slices.DeleteFunc(slices.Clone(d.Kinds), func(a attempt) bool { return a.Source != probes.Name })
}

// TestPlan compares the variant by which BPF programs serve each kind with the
// one that did before: a silent fall to a worse one fails.
func TestPlan(t *testing.T) {
	found := byPrograms(doctor(t))
	plan := map[string]string{} // kind → variant
	for _, a := range found {
		if served := plan[a.Kind]; a.Works && (served == "" || served == "none") {
			plan[a.Kind] = a.Variant
		} else if served == "" {
			plan[a.Kind] = "none"
		}
	}
	fmt.Println("plan: " + summary(plan)) // for the table of vmrun
	rows := readPlans(t)
	if *update {
		rows[row()] = plan
		writePlans(t, rows)
		return
	}
	want, ok := rows[row()]
	if !ok && !anyKernel(row()) {
		t.Fatalf("%s has no row %s", planFile, row())
	}
	if maps.Equal(plan, want) {
		return
	}
	if anyKernel(row()) { // of which there are many: a plan that any kernel of the matrix has will do
		for _, other := range rows {
			if maps.Equal(plan, other) {
				return
			}
		}
	}
	t.Errorf("on row %s the plan is %v, %s has %v", row(), plan, planFile, want)
	for _, a := range found {
		if !a.Works {
			t.Logf("%s by %s: %s", a.Kind, a.Variant, a.Reason)
		}
	}
}

// summary is a plan in one line: each variant with what it serves.
func summary(plan map[string]string) string {
	kinds := map[string][]string{}
	for _, kind := range slices.Sorted(maps.Keys(plan)) {
		kinds[plan[kind]] = append(kinds[plan[kind]], kind)
	}
	var parts []string
	for _, variant := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, variant+": "+strings.Join(kinds[variant], " "))
	}
	return strings.Join(parts, "; ")
}

// TestPlanFile holds the plans to the rows that there are, and bareRows to the
// plans: neither an update of the file nor a new bare row can hide that a kernel
// has stopped to load programs.
func TestPlanFile(t *testing.T) {
	plans := readPlans(t)
	rows, err := vmtests.Rows()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"host"}
	for _, r := range rows {
		names = append(names, r.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		if !slices.Contains(names, name) {
			t.Errorf("%s has a row %s that there is not", planFile, name)
		}
	}
	for _, name := range names {
		for _, kind := range []string{"exec", "fork", "exit"} {
			if got, want := plans[name][kind] == "tracepoint", bareRows[name] == ""; got != want {
				t.Errorf("row %s: %s is served by %q", name, kind, plans[name][kind])
			}
		}
	}
}

// TestEveryVariantIsUsed finds variants that no row picks: they are to be deleted.
func TestEveryVariantIsUsed(t *testing.T) {
	plans := readPlans(t) // with the host's: no VM has the ctime tracepoints and lacks trampolines
	used := map[string]bool{}
	for _, plan := range plans {
		for kind, variant := range plan {
			used[kind+" "+variant] = true
		}
	}
	for _, a := range byPrograms(doctor(t)) {
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
	path := planFile
	if row() != "host" { // from a VM only its own row is brought back
		path, rows = "/out/plan.txt", map[string]map[string]string{row(): rows[row()]}
	}
	var b bytes.Buffer
	b.WriteString("# By which variant BPF programs serve each kind: row of vmtests/rows.txt (or host), kind, variant.\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		for _, kind := range slices.Sorted(maps.Keys(rows[name])) {
			fmt.Fprintln(&b, name, kind, rows[name][kind])
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
