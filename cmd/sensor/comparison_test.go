// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor/internal/compare"
	"sensor/internal/fallback/audit/audittest"
	"sensor/vmtests/acts"
)

// A comparison under test.
type comparison struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *logBuffer
	stdout bytes.Buffer
}

// startComparison starts `sensor compare`.
func startComparison(t *testing.T, args ...string) *comparison {
	t.Helper()
	c := &comparison{t: t, log: newLogBuffer(), cmd: exec.Command("/proc/self/exe", append([]string{"compare"}, args...)...)}
	c.cmd.Env = append(os.Environ(), beSensor+"=1")
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	return c
}

// watches waits until both sides watch.
func (c *comparison) watches() {
	c.t.Helper()
	if !c.log.wait("msg=ready", 2*patience) { // two sensors
		c.t.Fatalf("the comparison did not become ready; it said:\n%s", c.log)
	}
}

// interrupt ends it as a user does.
func (c *comparison) interrupt() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for it and gives its exit code.
func (c *comparison) end() int {
	c.t.Helper()
	timer := time.AfterFunc(4*patience, func() { c.cmd.Process.Signal(syscall.SIGQUIT) }) // for the stacks
	defer timer.Stop()
	err := c.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		c.t.Fatal(err)
	}
	return c.cmd.ProcessState.ExitCode()
}

// report reads the report of --json, which must be all of stdout, and add up.
func (c *comparison) report() *compare.Report {
	c.t.Helper()
	var r compare.Report
	d := json.NewDecoder(&c.stdout)
	if err := d.Decode(&r); err != nil {
		c.t.Fatalf("%v; the comparison said:\n%s", err, c.log)
	}
	if rest := strings.TrimSpace(c.stdout.String()); d.More() || rest != "" {
		c.t.Errorf("there is more on stdout: %q", rest)
	}
	for _, fault := range r.Faults {
		c.t.Error(fault)
	}
	var seen [2]uint64
	for _, k := range r.Kinds {
		for i, side := range []compare.KindSide{k.A, k.B} {
			if sum := k.Both + side.Only + side.Undecided.Total() + side.Ruled(); side.Seen != sum {
				c.t.Errorf("%s of side %d: %d seen, %d told apart", k.Kind, i, side.Seen, sum)
			}
			seen[i] += side.Seen
		}
	}
	for i, side := range []*compare.SideReport{&r.A, &r.B} {
		if side.Seen != seen[i] {
			c.t.Errorf("%s has %d events, its kinds have %d", side.Name, side.Seen, seen[i])
		}
	}
	return &r
}

// agrees demands that no event of ours is missed and no value differs without a
// rule. Ours are those of executables that ours picks; others run on the host, too.
func agrees(t *testing.T, r *compare.Report, ours func(executable string) bool) {
	t.Helper()
	for _, k := range r.Kinds {
		for _, side := range []struct {
			name string
			compare.KindSide
		}{{r.A.Name, k.A}, {r.B.Name, k.B}} {
			if side.Only != uint64(len(side.Examples)) {
				t.Errorf("%s: %d examples of %d", k.Kind, len(side.Examples), side.Only)
			}
			for _, e := range side.Examples {
				executable, _, _ := strings.Cut(e.Summary, " ")
				if ours(executable) {
					var document bytes.Buffer
					json.Compact(&document, e.Document)
					t.Errorf("%s only by %s: pid %d %s\n%s", k.Kind, side.name, e.PID, e.Summary, &document)
				}
			}
		}
	}
	for _, f := range r.Fields {
		if f.Differ != uint64(len(f.Examples)) {
			t.Errorf("%s: %d examples of %d", f.Field, len(f.Examples), f.Differ)
		}
		for _, e := range f.Examples {
			if ours(e.Executable) {
				var a, b bytes.Buffer
				json.Compact(&a, e.A)
				json.Compact(&b, e.B)
				t.Errorf("%s of a %s by pid %d (%s):\n\t%s\n\t%s", f.Field, e.Kind, e.PID, e.Executable, &a, &b)
			}
		}
	}
	if r.Agreement.Events.Agree == 0 || r.Agreement.Fields.Agree == 0 {
		t.Errorf("nothing was compared: %+v", r.Agreement)
	}
}

// summarized is a report in few lines.
func summarized(r *compare.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "events %d of %d, fields %d of %d agree", r.Agreement.Events.Agree, r.Agreement.Events.Of, r.Agreement.Fields.Agree, r.Agreement.Fields.Of)
	fmt.Fprintf(&b, "; lost %d and %d", r.A.Lost(), r.B.Lost())
	for _, rule := range r.Rules {
		fmt.Fprintf(&b, "; %s %d", rule.Name, rule.Count)
	}
	return b.String()
}

// manyExamples are more than there may be differences.
const manyExamples = "10000"

// missedByOne are acts that show what one source does not see or sees otherwise,
// and where no rule could tell that from a miss.
var missedByOne = []blind{
	{"ebpf", "document", "times that are set, where there are no trampolines", "file-attributes-times"},
	{"audit", "document", "who began a session, where nobody tells forks", "leader-login"},
}

// TestCompareActs holds the two sources to each other, in all that the acts do.
func TestCompareActs(t *testing.T) {
	needsPrograms(t)
	audittest.Lock(t)
	missed := map[string]bool{}
	for _, b := range slices.Concat(missedByOne, auditBlindSpots, blindHere(t, diagnose())) {
		for name := range strings.FieldsSeq(b.acts) {
			missed[name] = true
		}
	}
	list := slices.DeleteFunc(actsLike(t, *onlyActs), func(act acts.Act) bool {
		return strings.HasPrefix(act.Name, "storm-") || act.Older || missed[act.Name] && *onlyActs == ""
	})
	place := ownActs(t)
	c := startComparison(t, "--json", "--no-tax", "--examples", manyExamples, "--kinds", everyCommonKind,
		"-c", configFile(t, "limits: {rings: {critical: 64MiB, bulk: 64MiB}, queue: {events: 65536, bytes: 512MiB}}"))
	c.watches()
	for _, act := range list {
		acts.Run(t, act.Name)
	}
	c.interrupt()
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d; the comparison said:\n%s", code, c.log)
	}
	r := c.report()
	t.Logf("%d acts: %s", len(list), summarized(r))
	agrees(t, r, func(executable string) bool { return strings.HasPrefix(executable, place) })
}

// ownActs has the acts run from a place of their own, so that they are told from those of another test. It gives the place.
func ownActs(t *testing.T) string {
	t.Helper()
	place, err := os.MkdirTemp("", "act") // a short name, for acts with long paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	programs := filepath.Join(place, "bin")
	if err := errors.Join(os.Chmod(place, 0o755), os.CopyFS(programs, os.DirFS(acts.Build(t)))); err != nil {
		t.Fatal(err)
	}
	t.Setenv(acts.Dir, programs)
	t.Setenv("TMPDIR", place)
	return place
}

const everyCommonKind = "exec,exit,already_running,exec_failed,connect,accept,bind,listen,unix_connect,unix_accept,vsock_connect,vsock_accept," +
	"file_create,file_write,file_rename,file_delete,file_attributes"
