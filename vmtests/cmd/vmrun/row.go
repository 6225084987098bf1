// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
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
	verdictNothing = "nothing" // no test passed and none failed: nothing was proved
	verdictMissing = "missing" // the kernel could not be had
)

// rowResult is how one row went, or one package on it.
type rowResult struct {
	row    vmtests.Row
	kernel string // series
	label  string // exact version
	booted bool
	missed bool // a VM could not even be started
	failed bool
	tally  tally
	time   time.Duration // of all its VMs together
}

// add adds another package's result.
func (r *rowResult) add(o rowResult) {
	r.row = o.row
	r.kernel, r.label = cmp.Or(r.kernel, o.kernel), cmp.Or(r.label, o.label)
	r.booted, r.missed, r.failed = r.booted || o.booted, r.missed || o.missed, r.failed || o.failed
	r.tally.add(o.tally)
	r.time += o.time
}

func (r *rowResult) verdict() string {
	switch {
	case r.missed && !r.booted:
		return verdictMissing
	case r.failed || r.missed || len(r.tally.failed) > 0:
		return verdictFail
	case r.tally.passed == 0:
		return verdictNothing
	}
	return verdictOK
}

// runTests runs a test binary in a VM. The text is what to tell about a failure.
func (m *matrixOptions) runTests(ctx context.Context, row vmtests.Row, t testBinary) (rowResult, *bytes.Buffer) {
	start := time.Now()
	res := rowResult{row: row}
	text := new(bytes.Buffer)
	if err := m.boot(ctx, &res, t, text); err != nil {
		fmt.Fprintf(text, "vmrun: row %s: %v\n", row.Name, err)
	}
	res.time = time.Since(start)
	return res, text
}

func (m *matrixOptions) boot(ctx context.Context, res *rowResult, t testBinary, text *bytes.Buffer) error {
	o, err := m.rowOptions(res.row, t)
	if err != nil {
		res.failed = true
		return err
	}
	res.kernel = o.kernel
	var log bytes.Buffer
	run, label, err := runOne(ctx, o, &log, text)
	res.label = label
	if err != nil {
		res.missed = true
		return err
	}
	res.booted = true
	res.tally = parseTally(log.String())
	if run.Ended && run.Code == 0 {
		return m.keepLog(res, t, log.Bytes())
	}
	res.failed = true
	fmt.Fprintf(text, "--- output of %s on %s\n", t.pkg, res.row.Name)
	writeFailures(text, log.String(), res.tally.failed)
	m.narrow(o, res.tally.topFailed())
	report(text, o, run)
	return m.keepLog(res, t, log.Bytes())
}

// narrow makes the command that is printed for a failure one for the failed tests only.
func (m *matrixOptions) narrow(o *options, failed []string) {
	pattern := m.run
	if pattern == "" && len(failed) > 0 {
		pattern = "^(" + strings.Join(failed, "|") + ")$"
		o.command = slices.Insert(o.command, 2, "-test.run="+pattern) // before the tests' own arguments
	}
	if m.again == "" {
		return
	}
	again := []string{"-row", o.row}
	if o.isImage() {
		again = []string{"-kernel", o.kernel}
	}
	if pattern != "" {
		again = append(again, "-run", pattern)
	}
	o.again = m.again + " " + strings.Join(quoteAll(again, '\''), " ")
}

func (m *matrixOptions) rowOptions(row vmtests.Row, t testBinary) (*options, error) {
	flags := []string{"-timeout", m.timeout.String()}
	for _, f := range m.files {
		flags = append(flags, "-file", f)
	}
	for _, e := range m.env {
		flags = append(flags, "-env", e)
	}
	o, err := parseRow(row, flags)
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

func (m *matrixOptions) keepLog(res *rowResult, t testBinary, log []byte) error {
	if m.out == "" {
		return nil
	}
	path := filepath.Join(m.out, res.row.Name, t.name()+".log")
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, log, 0o644)
	}
	if err != nil {
		res.failed = true
		return fmt.Errorf("keep output: %w", err)
	}
	return nil
}
