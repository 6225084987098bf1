// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/vmtests"
)

// The framework's own output, whatever a test prints without a newline.
func TestParseTally(t *testing.T) {
	cmd := exec.Command("go", "test", "-json=false", "-v=test2json", "./testdata/tallied")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	got := parseTally(string(out))
	if got.passed != 3 || !slices.Equal(got.failed, []string{"TestFails/sub", "TestFails"}) && !slices.Equal(got.failed, []string{"TestFails", "TestFails/sub"}) ||
		!slices.Equal(got.skipped, []string{"TestSkips"}) {
		t.Errorf("got %+v of\n%q", got, out)
	}
	if got.plan != "a exec" {
		t.Errorf("the plan is %q", got.plan)
	}
	if top := got.topFailed(); !slices.Equal(top, []string{"TestFails"}) {
		t.Errorf("failed tests without subtests: %v", top)
	}
}

func TestWriteFailures(t *testing.T) {
	const log = "before\n" +
		"\x16=== RUN   TestA\nnoise\n\x16=== RUN   TestA/x\nnoise\n\x16--- PASS: TestA/x (0.00s)\n\x16=== NAME  TestA\nnoise\n\x16--- PASS: TestA (0.00s)\n\x16=== NAME  \n" +
		"\x16=== RUN   TestB\nunfinished\x16=== RUN   TestB/y\n    y_test.go:1: why\n\x16--- FAIL: TestB/y (0.00s)\n\x16=== NAME  TestB\n\x16--- FAIL: TestB (0.00s)\n\x16=== NAME  \n" +
		"FAIL\n"
	var b strings.Builder
	writeFailures(&b, log, []string{"TestB/y", "TestB"})
	const want = "before\nunfinished    y_test.go:1: why\n--- FAIL: TestB/y (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n"
	if b.String() != want {
		t.Errorf("failed tests: got\n%s\nwant\n%s", &b, want)
	}
	b.Reset()
	writeFailures(&b, strings.Repeat("line\n", 3*maxLines)+"panic\n", nil)
	if got := b.String(); strings.Count(got, "\n") != maxLines+1 || !strings.HasSuffix(got, "panic\n") {
		t.Errorf("no failed test: got %d lines", strings.Count(got, "\n"))
	}
}

func TestParseMatrix(t *testing.T) {
	if m, err := parseMatrix([]string{"-kernel", "dir/image", "./a"}); err != nil {
		t.Error(err)
	} else if rows, err := m.selectRows(); err != nil || len(rows) != 1 || rows[0].Name != unlisted {
		t.Errorf("rows of an image: %v, %v", rows, err)
	}
	m, err := parseMatrix([]string{"-row", "5.10", "-skip", "Doc", "-file", "/docs:../../docs", "./a", "./b", "--", "-update"})
	if err != nil || !slices.Equal(m.packages, []string{"./a", "./b"}) || !slices.Equal(m.testArgs, []string{"-update"}) || m.skip != "Doc" ||
		!slices.Equal(m.files, []string{"/docs:../../docs"}) {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, args := range [][]string{{}, {"-row", "5.10"}, {"-jobs", "0", "./a"}} {
		if _, err := parseMatrix(args); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}

func result(name, kernel string, change func(*rowResult)) rowResult {
	r := rowResult{row: vmtests.Row{Name: name, Arch: "amd64"}, kernel: kernel, label: kernel + ".1-1", booted: true, tally: tally{passed: 5}, time: time.Second}
	if change != nil {
		change(&r)
	}
	return r
}

func TestJudge(t *testing.T) {
	missing := func(r *rowResult) { r.booted, r.missed, r.tally = false, true, tally{} }
	for _, tt := range []struct {
		name    string
		results []rowResult
		want    string // part of the error, "" for success
	}{
		{"all well", []rowResult{result("a", "1", nil), result("b", "2", nil), result("c", "3", nil)}, ""},
		{"one kernel missing of four", []rowResult{result("a", "1", nil), result("b", "2", nil), result("c", "3", nil), result("d", "4", missing)}, ""},
		{"one kernel missing of three", []rowResult{result("a", "1", nil), result("b", "2", nil), result("c", "3", missing)}, "only 2 kernels ran, need 3"},
		{"three rows of one kernel, two missing", []rowResult{result("a", "1", nil), result("b", "1", nil), result("c", "1", nil), result("d", "2", missing), result("e", "3", missing)}, "only 1 kernels ran, need 3"},
		{"the only row asked for is missing", []rowResult{result("a", "1", missing)}, "only 0 kernels ran, need 1"},
		{"a test failed", []rowResult{result("a", "1", func(r *rowResult) { r.tally.failed = []string{"TestX"} })}, "row a failed"},
		{"the VM died", []rowResult{result("a", "1", func(r *rowResult) { r.failed = true })}, "row a failed"},
		{"the second package could not run", []rowResult{result("a", "1", func(r *rowResult) { r.missed = true })}, "row a failed"},
		{"everything was skipped", []rowResult{result("a", "1", func(r *rowResult) { r.tally = tally{skipped: []string{"TestX"}} })}, "row a proved nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := judge(tt.results)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []rowResult{
		result("6.1", "6.1", func(r *rowResult) { r.tally.plan = "a exec, b fork" }),
		result("6.1-lockdown", "6.1", func(r *rowResult) { r.tally.failed, r.tally.skipped = []string{"TestX"}, []string{"TestY"} }),
	})
	const want = `ROW           KERNEL   ARCH   PASSED  FAILED  SKIPPED  RESULT  TIME  PLAN
6.1           6.1.1-1  amd64  5       0       0        ok      1 s   a exec, b fork
6.1-lockdown  6.1.1-1  amd64  5       1       1        FAIL    1 s   -
skipped TestY on 6.1-lockdown
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// What is printed for a failed row repeats it, with nothing that this run has made for itself.
func TestNarrow(t *testing.T) {
	for _, tt := range []struct {
		run    string
		o      options
		failed []string
		want   string
	}{
		{"", options{row: "6.1-lockdown", kernel: "6.1"}, []string{"TestA", "TestB"}, "do -row 6.1-lockdown -run '^(TestA|TestB)$'"},
		{"", options{row: "6.1", kernel: "6.1"}, nil, "do -row 6.1"},
		{"TestA/x", options{kernel: "/boot/image"}, []string{"TestA"}, "do -kernel /boot/image -run TestA/x"},
	} {
		m := matrixOptions{again: "do", run: tt.run}
		tt.o.command = []string{"binary", byGoTest}
		if m.narrow(&tt.o, tt.failed); tt.o.again != tt.want {
			t.Errorf("got %s, want %s", tt.o.again, tt.want)
		}
	}
}

// Packages of a row add up: one that fails is not made good by another.
func TestRowAdds(t *testing.T) {
	var sum rowResult
	sum.add(result("a", "1", nil))
	sum.add(result("a", "1", func(r *rowResult) { r.booted, r.missed, r.tally = false, true, tally{} }))
	if sum.verdict() != verdictFail || sum.row.Name != "a" || sum.kernel != "1" || sum.label != "1.1-1" || sum.tally.passed != 5 || sum.time != 2*time.Second {
		t.Errorf("got %+v, %s", sum, sum.verdict())
	}
}

// A matrix run from the command line to the table, with a test that passes, fails and is skipped.
func TestMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a VM")
	}
	t.Parallel()
	out := t.TempDir()
	run := func(pattern string) (int, error) {
		return matrix(t.Context(), []string{"-row", "5.10", "-row", "6.1-lockdown", "-out", out, "-run", pattern, "./testdata/tallied"})
	}
	if code, err := run("Passes"); code != 0 || err != nil {
		t.Errorf("passing tests: code %d, %v", code, err)
	}
	if code, err := run(""); code == 0 || err == nil || !strings.Contains(err.Error(), "row 5.10 failed") {
		t.Errorf("a failing test: code %d, %v", code, err)
	}
}
