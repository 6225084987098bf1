// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sensor/vmtests"
)

const (
	verdictOK      = "ok"
	verdictFail    = "FAIL"
	verdictMissing = "missing" // the kernel could not be had
)

// rowResult is how one row went.
type rowResult struct {
	row    vmtests.Row
	kernel string // series
	label  string // exact version
	booted bool
	missed bool // the VM could not even be started
	failed bool
	tally  tally
	time   time.Duration
}

func (r *rowResult) verdict() string {
	switch {
	case r.missed && !r.booted:
		return verdictMissing
	case r.failed || r.missed || len(r.tally.failed) > 0 || r.tally.passed == 0: // nothing passed: nothing was proved
		return verdictFail
	}
	return verdictOK
}

// runRow runs every test binary in a VM of its own. The text is what to tell about failures.
func (m *matrixOptions) runRow(ctx context.Context, row vmtests.Row, tests []testBinary) (rowResult, *bytes.Buffer) {
	start := time.Now()
	res := rowResult{row: row}
	text := new(bytes.Buffer)
	for _, t := range tests {
		m.runTests(ctx, &res, t, text)
	}
	res.time = time.Since(start)
	return res, text
}

func (m *matrixOptions) runTests(ctx context.Context, res *rowResult, t testBinary, text *bytes.Buffer) {
	o, err := m.rowOptions(res.row, t)
	if err != nil {
		res.failed = true
		fmt.Fprintf(text, "vmrun: row %s: %v\n", res.row.Name, err)
		return
	}
	res.kernel = o.kernel
	var log bytes.Buffer
	run, label, err := runOne(ctx, o, &log, text)
	if label != "" {
		res.label = label
	}
	if err != nil {
		res.missed = true
		fmt.Fprintf(text, "vmrun: row %s: %v\n", res.row.Name, err)
		return
	}
	res.booted = true
	got := parseTally(log.String())
	res.tally.add(got)
	if err := m.keepLog(res.row, t, log.Bytes()); err != nil {
		res.failed = true
		fmt.Fprintf(text, "vmrun: row %s: %v\n", res.row.Name, err)
	}
	if run.Ended && run.Code == 0 {
		return
	}
	res.failed = true
	fmt.Fprintf(text, "--- output of %s on %s\n", t.pkg, res.row.Name)
	writeFailures(text, log.String(), got.failed)
	if names := got.topFailed(); m.run == "" && len(names) > 0 {
		o.command = slices.Insert(o.command, 2, "-test.run=^("+strings.Join(names, "|")+")$") // before the tests' own arguments
	}
	report(text, o, run)
}

func (m *matrixOptions) rowOptions(row vmtests.Row, t testBinary) (*options, error) {
	flags := []string{"-timeout", m.timeout.String()}
	for _, f := range m.files {
		flags = append(flags, "-file", f)
	}
	for _, e := range m.env {
		flags = append(flags, "-env", e)
	}
	o, err := parseRow(row.Name, flags)
	if err != nil {
		return nil, err
	}
	o.dir = t.dir
	o.command = []string{t.path, byGoTest, "-test.v=test2json"}
	if m.run != "" {
		o.command = append(o.command, "-test.run="+m.run)
	}
	if m.skip != "" {
		o.command = append(o.command, "-test.skip="+m.skip)
	}
	o.command = append(o.command, m.testArgs...)
	if m.out != "" {
		o.out = filepath.Join(m.out, row.Name, t.name())
	}
	return o, o.check()
}

func (m *matrixOptions) keepLog(row vmtests.Row, t testBinary, log []byte) error {
	if m.out == "" {
		return nil
	}
	path := filepath.Join(m.out, row.Name, t.name()+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep output: %w", err)
	}
	if err := os.WriteFile(path, log, 0o644); err != nil {
		return fmt.Errorf("keep output: %w", err)
	}
	return nil
}
