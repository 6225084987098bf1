// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sensor/internal/compare"
	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/netlink"
	"sensor/internal/fallback/audit/rules"
)

// startAuditd starts Debian's audit daemon with a configuration, a log and rules of its own, and gives the log.
func startAuditd(t *testing.T, control *netlink.Control, kinds ...events.Kind) (log string) {
	t.Helper()
	if _, err := exec.LookPath("auditd"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	log = filepath.Join(dir, "audit.log")
	config := "local_events = yes\nlog_file = " + log + "\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\nmax_log_file = 8\nmax_log_file_action = IGNORE\n" +
		"space_left = 2\nadmin_space_left = 1\nspace_left_action = IGNORE\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n" +
		"plugin_dir = " + dir + "\n"
	if err := os.WriteFile(filepath.Join(dir, "auditd.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("auditd", "-n", "-c", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	waitFor(t, "auditd has the records", func() bool {
		status, err := control.Status()
		if err != nil {
			t.Fatal(err)
		}
		return int(status.PID) == cmd.Process.Pid && status.Enabled == 1
	})
	list, err := rules.Builtin(kinds, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range list {
		err := control.Add(rule.Wire())
		if err != nil && !rule.Optional {
			t.Fatal(err)
		}
		if err == nil {
			t.Cleanup(func() { control.Delete(rule.Listed()) })
		}
	}
	return log
}

// TestCompareLog compares with what a real audit daemon has written.
func TestCompareLog(t *testing.T) {
	needsTime(t)
	control := audittest.Lock(t)
	place := ownActs(t)
	log := startAuditd(t, control, events.KindExec, events.KindExit, events.KindConnect, events.KindAccept, events.KindFileCreate)
	c := startComparison(t, append([]string{"--json", "--audit-log", log, "--examples", manyExamples}, act(t, "net-accept")...)...)
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d; the comparison said:\n%s", code, c.log)
	}
	r := c.report()
	t.Log(summarized(r))
	agrees(t, r, func(executable string) bool { return strings.HasPrefix(executable, place) })
	for _, kind := range []string{"exec", "exit", "connect", "accept", "file_create"} {
		if !slices.ContainsFunc(r.Kinds, func(k compare.KindReport) bool {
			return k.Kind == kind && k.Both > 0 && k.A.Delay != nil && k.B.Delay == nil
		}) {
			t.Errorf("no %s was seen by both", kind)
		}
	}
	for _, k := range r.Kinds {
		if k.Kind == "file_delete" && k.A.Rules["not_told"] != k.A.Seen { // there is no rule for it
			t.Errorf("file_delete is compared: %+v", k)
		}
	}
	if r.B.Name != "log" || r.B.CPU <= 0 || r.B.Balance != nil || r.A.Balance == nil || len(r.Tax) > 0 {
		t.Errorf("the sides are %+v and %+v", r.A, r.B)
	}
	if status, err := control.Status(); err != nil || status.Enabled != 1 {
		t.Errorf("the audit system is %+v, %v", status, err)
	}
}

// TestCompareBeside compares beside another audit daemon: what its rules record,
// and with --beside all, after it was said that the log will have it.
func TestCompareBeside(t *testing.T) {
	needsTime(t)
	control := audittest.Lock(t)
	place := ownActs(t)
	startAuditd(t, control, events.KindExec)
	for _, test := range []struct {
		args  []string
		kinds string
		said  string
		code  int
	}{
		{[]string{"--kinds", "exec,exit"}, "exec", "another audit daemon receives the records", 0},
		{[]string{"--kinds", "exit"}, "", "--beside adds rules", exitUnserved},
		{[]string{"--kinds", "exec,exit", "--beside"}, "exec exit", "will have the records of the comparison's rules", 0},
	} {
		c := startComparison(t, append(append([]string{"--json", "--no-tax", "--examples", manyExamples}, test.args...), act(t, "exec")...)...)
		if code := c.end(); code != test.code || !strings.Contains(c.log.String(), test.said) {
			t.Errorf("%v: exit code %d; the comparison said:\n%s", test.args, code, c.log)
		}
		if test.code != 0 {
			continue
		}
		r := c.report()
		agrees(t, r, func(executable string) bool { return strings.HasPrefix(executable, place) })
		var both []string
		for _, k := range r.Kinds {
			if k.Both > 0 {
				both = append(both, k.Kind)
			}
		}
		if got := strings.Join(both, " "); got != test.kinds {
			t.Errorf("%v: both have seen %s, want %s", test.args, got, test.kinds)
		}
	}
}
