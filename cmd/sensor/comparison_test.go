// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

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
	c := newComparison(t, args...)
	c.start()
	return c
}

func newComparison(t *testing.T, args ...string) *comparison {
	t.Helper()
	c := &comparison{t: t, log: newLogBuffer(), cmd: exec.Command("/proc/self/exe", append([]string{"compare"}, args...)...)}
	c.cmd.Env = append(os.Environ(), beSensor+"=1")
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, c.log
	return c
}

func (c *comparison) start() {
	c.t.Helper()
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { // with its rules
		c.cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
		defer timer.Stop()
		c.cmd.Wait()
	})
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
// Of thousands of events a busy host makes one or the other differ in a way that
// no rule knows: these are shown. What is wrong is so each time, and is more.
func agrees(t *testing.T, r *compare.Report, ours func(executable string) bool) {
	t.Helper()
	var differences []string
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	defer func() {
		show := t.Errorf
		if uint64(len(differences)) <= r.Agreement.Events.Of/2000 {
			show = t.Logf
		}
		for _, d := range differences {
			show("%s", d)
		}
	}()
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
					differ("%s only by %s: pid %d %s\n%s", k.Kind, side.name, e.PID, e.Summary, &document)
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
				differ("%s of a %s by pid %d (%s):\n\t%s\n\t%s", f.Field, e.Kind, e.PID, e.Executable, &a, &b)
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
	names := *onlyActs
	if names == "" && row() != "host" {
		names = vmActs
	}
	list := slices.DeleteFunc(actsLike(t, names), func(act acts.Act) bool {
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

// needsTime skips a test that no kernel changes and that takes an emulated machine long.
func needsTime(t *testing.T) {
	t.Helper()
	if row() != "host" {
		t.Skip("it loads two sensors, and depends on no kernel")
	}
}

// fewKinds are compared where a virtual machine takes many seconds to verify the programs of files.
func fewKinds() []string {
	if row() == "host" {
		return nil
	}
	return []string{"--kinds", "exec,exit,connect,accept"}
}

// act is a command that runs an act.
func act(t *testing.T, name string) []string {
	t.Helper()
	return []string{"--", filepath.Join(acts.Build(t), "acts"), name, "token"}
}

// TestCompare runs a command under comparison, and reads the report in all its forms.
func TestCompare(t *testing.T) {
	audittest.Lock(t)
	if bare() {
		comparesNothing(t, startComparison(t, "--", "/proc/self/exe"), "source ebpf: ", bareRows[row()])
		return
	}
	place := ownActs(t)
	page := filepath.Join(t.TempDir(), "page.html")
	args := append([]string{"--json", "--html", page, "--examples", manyExamples}, fewKinds()...)
	c := startComparison(t, append(args, act(t, "net-accept")...)...)
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d; the comparison said:\n%s", code, c.log)
	}
	if !c.log.wait(`"connection_accepted"`, patience) {
		t.Errorf("what the command has written is not on stderr:\n%s", c.log)
	}
	r := c.report()
	t.Log(summarized(r))
	agrees(t, r, func(executable string) bool { return strings.HasPrefix(executable, place) })
	for _, kind := range []string{"exec", "exit", "connect", "accept"} {
		if !slices.ContainsFunc(r.Kinds, func(k compare.KindReport) bool {
			return k.Kind == kind && k.Both > 0 && k.A.Delay != nil && k.B.Delay != nil
		}) {
			t.Errorf("no %s was seen by both", kind)
		}
	}
	for _, side := range []compare.SideReport{r.A, r.B} {
		if side.CPU <= 0 || side.Memory < 1<<20 || side.Balance == nil || side.PerEvent == nil || side.Ignored == 0 {
			t.Errorf("%s was not measured: %+v", side.Name, side)
		}
	}
	if len(r.B.Kernel) != 1 || r.B.Kernel[0].Time <= 0 {
		t.Errorf("the kernel's time for audit was not measured: %+v", r.B.Kernel)
	}
	if len(r.Tax) != 1 || r.Tax[0].None <= 0 || r.Tax[0].A <= 0 || r.Tax[0].Both <= r.Tax[0].None || r.Tax[0].B <= r.Tax[0].None {
		t.Errorf("the tax is %+v", r.Tax)
	}
	if r.Command == nil || r.Command.ExitCode != 0 || r.Command.Args[1] != "net-accept" {
		t.Errorf("the command was %+v", r.Command)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("</html>")) {
		t.Errorf("the page has %d bytes, %v", len(text), err)
	}
}

// comparesNothing demands that the command was not run because a source does not work, and that the reason is told.
func comparesNothing(t *testing.T, c *comparison, reasons ...string) {
	t.Helper()
	if code := c.end(); code != exitUnserved || c.stdout.Len() > 0 {
		t.Errorf("exit code %d, want %d; the comparison said:\n%s%s", code, exitUnserved, c.log, &c.stdout)
	}
	for _, reason := range reasons {
		if !strings.Contains(c.log.String(), reason) {
			t.Errorf("it does not say %q:\n%s", reason, c.log)
		}
	}
}

// TestCompareWithoutAudit has no right to the audit system.
func TestCompareWithoutAudit(t *testing.T) {
	needsTime(t)
	audittest.Lock(t)
	c := newComparison(t, "--", "/bin/echo", "run all the same")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{Size: 1}}, GidMappings: []syscall.SysProcIDMap{{Size: 1}},
	}
	c.start()
	comparesNothing(t, c, "source audit: ")
}

// TestJournal reads what another has written, and gives the room back.
func TestJournal(t *testing.T) {
	file, err := unnamedFile()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	j := newJournal(file)
	line := bytes.Repeat([]byte("x"), 1000)
	line = append(line, '\n')
	var written, read, least, most int64
	for range 40_000 {
		if _, err := file.Write(line[1000-written%1000:]); err != nil {
			t.Fatal(err)
		}
		written++
		if written%3000 > 0 {
			continue
		}
		if _, err := file.Write([]byte("torn")); err != nil {
			t.Fatal(err)
		}
		for {
			got, err := j.next()
			if err == io.EOF {
				break
			}
			if err != nil || len(bytes.TrimPrefix(got, []byte("torn"))) != int(read%1000) {
				t.Fatalf("line %d has %d bytes, %v", read, len(got), err)
			}
			read++
		}
		var stat unix.Stat_t
		if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
			t.Fatal(err)
		}
		least, most = stat.Size, max(most, stat.Blocks*512)
	}
	if read != written/3000*3000 || least < 3*journalFree {
		t.Errorf("%d of %d lines were read, %d bytes", read, written, least)
	}
	if n, err := j.unread(); err != nil || n < (written-read)*100 || n > (written-read)*1000 {
		t.Errorf("%d bytes of %d lines wait, %v", n, written-read, err)
	}
	if !j.keeping && most > 2*journalFree {
		t.Errorf("the file had %d bytes", most)
	}
}

// TestCompareText writes for people, passes on what the command writes, and tells how it has ended.
func TestCompareText(t *testing.T) {
	needsTime(t)
	audittest.Lock(t)
	ownActs(t)
	c := startComparison(t, append([]string{"--no-tax", "--kinds", "exec,exit"}, act(t, "no-such-act")...)...)
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d; the comparison said:\n%s", code, c.log)
	}
	for _, want := range []string{"ebpf and audit, ", "\nEVENTS\n", "\nCOST\n", "kernel time of kauditd"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, &c.stdout)
		}
	}
	if !strings.Contains(c.log.String(), "the command has failed") {
		t.Errorf("it is not told that the command has failed:\n%s", c.log)
	}
}

// TestCompareStorm compares while processes begin and end as fast as they can on all CPUs.
func TestCompareStorm(t *testing.T) {
	needsTime(t)
	audittest.Lock(t)
	place := ownActs(t)
	c := startComparison(t, "--json", "--no-tax", "--examples", manyExamples)
	c.watches()
	var running []*acts.Running
	for _, name := range []string{"storm-exec", "storm-fork", "storm-images", "storm-threads", "net-connect-changed", "file-write-many", "file-delete-many"} {
		if len(actsLike(t, "^"+name+"$")) == 1 {
			running = append(running, acts.Start(t, name))
		}
	}
	if len(running) < 5 {
		t.Fatalf("only %d of the acts are there", len(running))
	}
	for _, r := range running {
		r.Finish()
	}
	c.interrupt()
	if code := c.end(); code != 0 {
		t.Errorf("exit code %d; the comparison said:\n%s", code, c.log)
	}
	r := c.report()
	t.Log(summarized(r))
	for kind, least := range map[string]uint64{"exec": 2500, "exit": 4000, "connect": 40, "file_create": 50} {
		i := slices.IndexFunc(r.Kinds, func(k compare.KindReport) bool { return k.Kind == kind })
		if i < 0 || r.Kinds[i].A.Seen < least || r.Kinds[i].Both+r.B.Lost() < least {
			t.Errorf("%s: %+v", kind, r.Kinds)
		}
	}
	if r.A.Lost()+r.B.Lost() == 0 {
		agrees(t, r, func(executable string) bool { return strings.HasPrefix(executable, place) })
	}
}

// TestCompareMissed shows that what a source misses is not explained away, and that the exit code tells.
func TestCompareMissed(t *testing.T) {
	needsTime(t)
	control := audittest.Lock(t)
	place := ownActs(t)
	c := startComparison(t, "--json", "--no-tax", "--kinds", "exec,exit", "--least-events", "1", "--least-fields", "0.5", "--examples", manyExamples)
	c.watches()
	acts.Run(t, "exec")
	// The source heals that audit is switched off, once.
	off := libaudit.AuditStatus{Mask: libaudit.AuditStatusEnabled}
	for range 2 {
		if err := control.Set(off); err != nil {
			t.Fatal(err)
		}
		if !c.log.wait("witched", patience) { // on again; then: is off
			t.Fatalf("the source did not notice:\n%s", c.log)
		}
	}
	acts.Run(t, "exec")
	c.interrupt()
	if code := c.end(); code != exitDisagree {
		t.Errorf("exit code %d, want %d; the comparison said:\n%s", code, exitDisagree, c.log)
	}
	r := c.report()
	for _, k := range r.Kinds {
		ours := 0
		for _, e := range k.A.Examples {
			if strings.HasPrefix(e.Summary, place) {
				ours++
			}
		}
		if k.Both == 0 || ours == 0 || k.B.Only > 0 {
			t.Errorf("%s: %d of ours are missed in %+v", k.Kind, ours, k)
		}
	}
	if !strings.Contains(c.log.String(), "compare events: ") {
		t.Errorf("it does not say why it fails:\n%s", c.log)
	}
}

// TestCompareNothing fails where there was nothing to compare, if something was to agree.
func TestCompareNothing(t *testing.T) {
	needsTime(t)
	audittest.Lock(t)
	c := startComparison(t, "--no-tax", "--kinds", "vsock_connect", "--least-events", "0.1", "--duration", "1ms")
	if code := c.end(); code != exitDisagree {
		t.Errorf("exit code %d, want %d; the comparison said:\n%s", code, exitDisagree, c.log)
	}
}

// TestCompareUsage names what is wrong before anything is started.
func TestCompareUsage(t *testing.T) {
	needsTime(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--kinds", "exce"}, "exce"},
		{[]string{"--least-events", "90"}, "90 is not from 0 to 1"},
		{[]string{"--least-fields", "NaN"}, "NaN is not from 0 to 1"},
		{[]string{"--examples", "0"}, "0 examples"},
		{[]string{"--", "/no/such/command"}, "/no/such/command"},
		{[]string{"--audit-log", "/no/such/log"}, "/no/such/log"},
		{[]string{"--html", "/no/such/page"}, "/no/such/page"},
		{[]string{"-c", "/no/such/config"}, "/no/such/config"},
	} {
		c := startComparison(t, test.args...)
		if code := c.end(); code != exitUsage || !strings.Contains(c.log.String(), test.want) {
			t.Errorf("%v: exit code %d, want %d; it said:\n%s", test.args, code, exitUsage, c.log)
		}
	}
}

// TestCompareKilled has a comparison killed: nothing of it stays, neither processes nor rules.
func TestCompareKilled(t *testing.T) {
	needsTime(t)
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	c := startComparison(t, "--no-tax", "--kinds", "exec,exit")
	c.watches()
	children := childrenOf(t, c.cmd.Process.Pid)
	if rules, err := control.Rules(); err != nil || len(rules) == 0 || len(children) != 2 {
		t.Fatalf("%d rules, %v, children %v", len(rules), err, children)
	}
	c.cmd.Process.Kill()
	c.cmd.Wait()
	waitFor(t, "the sources have ended", func() bool {
		return !slices.ContainsFunc(children, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
	if rules, err := control.Rules(); err != nil || len(rules) > 0 {
		t.Errorf("%d rules stay, %v", len(rules), err)
	}
	if after, err := control.Status(); err != nil || after.PID != 0 || after.Enabled != before.Enabled {
		t.Errorf("the audit system stays %+v, was %+v, %v", after, before, err)
	}
}

// childrenOf are the processes that a process has started.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			children = append(children, child)
		}
	}
	return children
}
