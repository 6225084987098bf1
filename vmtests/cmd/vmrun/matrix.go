// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"sensor/vmtests"
)

// minKernels is how many different kernels have to run for the matrix to prove anything.
const minKernels = 3

// matrixOptions are the command line of vmrun matrix.
type matrixOptions struct {
	rows     []string
	images   []string
	jobs     int
	run      string
	skip     string
	files    []string
	env      []string
	out      string
	timeout  time.Duration
	again    string
	packages []string
	testArgs []string // for the test binaries, as they are
}

func parseMatrix(args []string) (*matrixOptions, error) {
	m := new(matrixOptions)
	fs := flag.NewFlagSet("vmrun matrix", flag.ContinueOnError)
	fs.Func("row", "only the row of this `NAME` (repeatable)", add(&m.rows))
	fs.Func("kernel", "only a row of this kernel image for this machine's architecture, a `PATH` (repeatable)", add(&m.images))
	fs.IntVar(&m.jobs, "jobs", 2, "VMs at a time")
	fs.StringVar(&m.run, "run", "", "only tests that match, as of go test")
	fs.StringVar(&m.skip, "skip", "", "not the tests that match, as of go test")
	fs.Func("file", "as of vmrun: `SRC:DST`", add(&m.files))
	fs.Func("env", "as of vmrun: `NAME=VALUE`", add(&m.env))
	fs.StringVar(&m.out, "out", "", "write every VM's output to DIR/ROW/PACKAGE.log and its /out to DIR/ROW/PACKAGE/")
	fs.DurationVar(&m.timeout, "timeout", 5*time.Minute, "time for each package in each row")
	fs.StringVar(&m.again, "again", "", "`COMMAND` that repeats a failure once -row and -run are added (default: go test with vmrun)")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	m.packages = fs.Args()
	if i := slices.Index(m.packages, "--"); i >= 0 {
		m.packages, m.testArgs = m.packages[:i], m.packages[i+1:]
	}
	if len(m.packages) == 0 {
		return nil, errors.New("no packages to test (-h helps)")
	}
	for i, f := range m.files { // the tests run in their packages' directories
		src, dst, _ := strings.Cut(f, ":")
		abs, err := filepath.Abs(src)
		if err != nil {
			return nil, fmt.Errorf("find file: %w", err)
		}
		m.files[i] = abs + ":" + dst
	}
	if m.jobs < 1 {
		return nil, fmt.Errorf("-jobs %d is not positive", m.jobs)
	}
	return m, nil
}

// matrix runs the packages' tests on every row and ends with a table.
func matrix(ctx context.Context, args []string) (int, error) {
	m, err := parseMatrix(args)
	if err != nil {
		return codeUsage, err
	}
	rows, err := m.selectRows()
	if err != nil {
		return codeUsage, err
	}
	tmp, err := os.MkdirTemp("", "vmrun-")
	if err != nil {
		return codeDied, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(tmp)
	start := time.Now()
	tests := map[string][]testBinary{}
	for _, r := range rows {
		if tests[r.Arch] != nil {
			continue
		}
		if tests[r.Arch], err = compileTests(ctx, r.Arch, filepath.Join(tmp, r.Arch), m.packages); err != nil {
			return codeDied, err
		}
	}
	fmt.Printf("compiled in %.1f s\n", time.Since(start).Seconds())

	results := m.runRows(ctx, rows, tests)
	fmt.Println()
	writeTable(os.Stdout, results)
	fmt.Printf("%d rows in %.0f s\n", len(results), time.Since(start).Seconds())
	if err := judge(results); err != nil {
		return 1, err
	}
	return 0, ctx.Err()
}

func (m *matrixOptions) selectRows() ([]vmtests.Row, error) {
	rows, err := vmtests.Rows()
	if err != nil || len(m.rows)+len(m.images) == 0 {
		return rows, err
	}
	var selected []vmtests.Row
	for _, image := range m.images {
		selected = append(selected, vmtests.Row{Name: unlisted, Arch: runtime.GOARCH, Flags: []string{"-kernel", image}})
	}
	for _, name := range m.rows {
		r, err := vmtests.FindRow(rows, name)
		if err != nil {
			return nil, err
		}
		selected = append(selected, r)
	}
	return selected, nil
}

// runRows runs m.jobs VMs at a time, one for each row and package, and tells of each as it ends.
func (m *matrixOptions) runRows(ctx context.Context, rows []vmtests.Row, tests map[string][]testBinary) []rowResult {
	type unit struct {
		row  int
		test testBinary
	}
	results := make([]rowResult, len(rows))
	next := make(chan unit)
	var mu sync.Mutex // for the results and the output
	var wg sync.WaitGroup
	for range m.jobs {
		wg.Go(func() {
			for u := range next {
				res, text := m.runTests(ctx, rows[u.row], u.test)
				mu.Lock()
				results[u.row].add(res)
				fmt.Printf("%-14s %-24s %-7s %5.1f s\n", rows[u.row].Name, u.test.pkg, res.verdict(), res.time.Seconds())
				io.Copy(os.Stdout, text)
				mu.Unlock()
			}
		})
	}
	for i, row := range rows {
		for _, t := range tests[row.Arch] {
			next <- unit{i, t}
		}
	}
	close(next)
	wg.Wait()
	return results
}

// judge decides about the whole matrix. A kernel that cannot be had is no failure as long as enough others run.
func judge(results []rowResult) error {
	var wanted, ran []string
	var errs []error
	for _, r := range results {
		wanted = append(wanted, r.kernel)
		if r.booted {
			ran = append(ran, r.kernel)
		}
		switch r.verdict() {
		case verdictFail:
			errs = append(errs, fmt.Errorf("row %s failed", r.row.Name))
		case verdictNothing:
			errs = append(errs, fmt.Errorf("row %s proved nothing: no test passed", r.row.Name))
		}
	}
	want := min(minKernels, distinct(wanted))
	if got := distinct(ran); got < want {
		errs = append(errs, fmt.Errorf("only %d kernels ran, need %d", got, want))
	}
	return errors.Join(errs...)
}

func distinct(s []string) int {
	s = slices.Clone(s)
	slices.Sort(s)
	return len(slices.Compact(s))
}
