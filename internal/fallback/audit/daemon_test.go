// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/netlink"
)

// auditd is Debian's daemon with a configuration and a log of its own.
type auditd struct {
	t       *testing.T
	control *netlink.Control
	dir     string
	cmd     *exec.Cmd
}

func newAuditd(t *testing.T, control *netlink.Control) *auditd {
	t.Helper()
	if _, err := exec.LookPath("auditd"); err != nil {
		t.Skip(err)
	}
	d := &auditd{t: t, control: control, dir: t.TempDir()}
	config := "local_events = yes\nlog_file = " + d.log() + "\nlog_format = RAW\nflush = NONE\nmax_log_file = 8\nmax_log_file_action = IGNORE\n" +
		"space_left = 2\nadmin_space_left = 1\nspace_left_action = IGNORE\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\ndisk_error_action = IGNORE\n" +
		"plugin_dir = " + d.dir + "\n"
	if err := os.WriteFile(filepath.Join(d.dir, "auditd.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.kill(unix.SIGKILL)
		}
	})
	return d
}

func (d *auditd) log() string { return filepath.Join(d.dir, "audit.log") }

// start starts the daemon and waits until it has the records, or has ended because it does not get them.
func (d *auditd) start() (started bool) {
	d.t.Helper()
	d.cmd = exec.Command("auditd", "-n", "-c", d.dir)
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func(cmd *exec.Cmd) {
		cmd.Wait()
		close(ended)
	}(d.cmd)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		status, err := d.control.Status()
		if err != nil {
			d.t.Fatal(err)
		}
		if int(status.PID) == d.cmd.Process.Pid && status.Enabled == 1 {
			return true
		}
		select {
		case <-ended:
			d.cmd = nil
			return false
		case <-time.After(time.Millisecond):
		}
	}
	d.t.Fatal("auditd does not start")
	return false
}

// kill ends the daemon and waits for that.
func (d *auditd) kill(signal unix.Signal) {
	pid := d.cmd.Process.Pid
	d.cmd.Process.Signal(signal)
	for end := time.Now().Add(patience); time.Now().Before(end) && processLives(pid); {
		time.Sleep(time.Millisecond)
	}
	d.cmd = nil
}

// await waits until the daemon's log has the text.
func (d *auditd) await(text string) string {
	d.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		log, err := os.ReadFile(d.log())
		if err != nil {
			d.t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			return string(log)
		}
	}
	d.t.Fatalf("auditd's log has no %q", text)
	return ""
}

func (l *live) said(text string) {
	l.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if strings.Contains(l.log.String(), text) {
			return
		}
	}
	l.t.Fatalf("the log does not say %q", text)
}

func addRule(t *testing.T, control *netlink.Control, lines string) {
	t.Helper()
	for _, r := range readRules(t, lines) {
		if err := control.Add(r.Wire()); err != nil {
			t.Fatal(err)
		}
	}
}

// execRules cover exec.
const execRules = "-a always,exit -F arch=b64 -S execve,execveat -k theirs\n-a always,exit -F arch=b32 -S execve,execveat -k theirs\n"

// Beside auditd the sensor reads along, and nothing of it is in auditd's log but what
// the kernel always says: that somebody begins and ends to read along.
func TestBesideAuditd(t *testing.T) {
	control := audittest.Lock(t)
	daemon := newAuditd(t, control)
	if !daemon.start() {
		t.Fatal("auditd does not start")
	}
	addRule(t, control, execRules)
	before, err := control.Rules()
	if err != nil {
		t.Fatal(err)
	}
	status, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	act(t, "before-the-sensor")
	log := daemon.await("before-the-sensor")

	l := open(t, []events.Kind{events.KindExec, events.KindAuthentication}, nil)
	if want := []events.Kind{events.KindExec, events.KindAuthentication}; !slices.Equal(l.got, want) {
		t.Fatalf("serves %v, want %v", l.got, want)
	}
	if variant := l.Plan()[0].Variant; variant != multicast {
		t.Errorf("variant %s", variant)
	}
	l.run()
	act(t, "beside-the-daemon")
	l.wait("an exec", execOf("beside-the-daemon"))
	l.end()
	if now, err := control.Rules(); err != nil || !slices.EqualFunc(now, before, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("the rules have changed, %v", err)
	}
	if now, err := control.Status(); err != nil || valuesOf(now) != valuesOf(status) || now.PID != status.PID {
		t.Errorf("the status has changed: %+v, before %+v, %v", now, status, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range readRules(t, execRules) {
		defer control.Delete(r.Listed())
	}
	act(t, "after-the-sensor")
	log = strings.TrimPrefix(daemon.await("after-the-sensor"), log)
	listens := regexp.MustCompile(`(?m)^type=EVENT_LISTENER msg=(audit\([0-9.:]+\)): .*op=(?:dis)?connect`)
	for _, match := range listens.FindAllStringSubmatch(log, -1) {
		log = strings.ReplaceAll(log, match[1], "")
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "msg=audit") && strings.Contains(line, fmt.Sprintf(" pid=%d ", os.Getpid())) && !strings.Contains(line, "theirs") ||
			strings.Contains(line, keyPrefix) || strings.Contains(line, "CONFIG_CHANGE") {
			t.Errorf("auditd has logged %s", line)
		}
	}
}

// Kinds that the daemon's rules do not serve are refused, with the reason; if told to, the sensor adds rules.
func TestBesideWithoutRules(t *testing.T) {
	control := audittest.Lock(t)
	owner := own(t)
	defer owner.Close()
	for _, beside := range []bool{false, true} {
		ledger := &events.Ledger{}
		o := options(t, ledger, &lines{})
		o.Beside = beside
		s := New(o)
		got, err := s.Open([]events.Kind{events.KindExec, events.KindSession, events.KindFork})
		if beside {
			if want := []events.Kind{events.KindExec, events.KindSession}; !slices.Equal(got, want) || err != nil {
				t.Errorf("with rules: %v, %v; want %v", got, err, want)
			}
		} else {
			if want := []events.Kind{events.KindSession}; !slices.Equal(got, want) {
				t.Errorf("without rules: %v, want %v", got, want)
			}
			if err == nil || !strings.Contains(err.Error(), "serve exec: another audit daemon") || strings.Contains(err.Error(), "fork") {
				t.Errorf("reason: %v", err)
			}
		}
		if list, err := control.Rules(); err != nil || (len(list) > 0) != beside {
			t.Errorf("%d rules, %v", len(list), err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if list, err := control.Rules(); err != nil || len(list) != 0 {
			t.Errorf("%d rules after Close, %v", len(list), err)
		}
	}
}

// own makes the test the audit daemon, and audit is on.
func own(t *testing.T) *netlink.Stream {
	t.Helper()
	s, err := netlink.OpenStream(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Own(true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Own(false) })
	control, err := netlink.OpenControl()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	if err := control.Set(libaudit.AuditStatus{Mask: libaudit.AuditStatusEnabled, Enabled: 1}); err != nil {
		t.Fatal(err)
	}
	return s
}

// auditd is let in when it comes, and followed when it goes.
func TestAuditdComesAndGoes(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			control := audittest.Lock(t)
			daemon := newAuditd(t, control)
			l := open(t, []events.Kind{events.KindExec}, nil)
			l.run()
			act(t, "alone")
			l.wait("an exec", execOf("alone"))
			// The kernel refuses it, for the sensor is there; systemd would start it again.
			if daemon.start() {
				t.Error("auditd got the records at once")
			} else {
				l.said("has given them up")
				if !daemon.start() {
					t.Fatal("auditd does not get the records")
				}
			}
			l.said("belong to another daemon")
			addRule(t, control, execRules)
			act(t, "along")
			l.wait("an exec", execOf("along"))
			if list, err := control.Rules(); err != nil || len(list) != 2 {
				t.Errorf("%d rules beside the daemon, %v", len(list), err)
			}
			daemon.kill(signal)
			l.said("the sensor does")
			act(t, "alone again")
			l.wait("an exec", execOf("alone again"))
			l.end()
			for _, r := range readRules(t, execRules) {
				if err := control.Delete(r.Listed()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestRulesRemoved(t *testing.T) {
	control := audittest.Lock(t)
	l := open(t, []events.Kind{events.KindExec}, nil)
	l.run()
	list, err := control.Rules()
	if err != nil || len(list) == 0 {
		t.Fatalf("%d rules, %v", len(list), err)
	}
	for _, r := range list { // auditctl -D
		if err := control.Delete(r); err != nil {
			t.Fatal(err)
		}
	}
	l.said("removed rules")
	act(t, "healed")
	l.wait("an exec", execOf("healed"))
	if now, err := control.Rules(); err != nil || !slices.EqualFunc(now, list, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("the rules are others than before, %v", err)
	}
	l.end()
}

func TestSwitchedOff(t *testing.T) {
	control := audittest.Lock(t)
	l := open(t, []events.Kind{events.KindExec}, nil)
	l.run()
	off := libaudit.AuditStatus{Mask: libaudit.AuditStatusEnabled}
	if err := control.Set(off); err != nil {
		t.Fatal(err)
	}
	l.said("on again, once")
	act(t, "healed")
	l.wait("an exec", execOf("healed"))
	if err := control.Set(off); err != nil {
		t.Fatal(err)
	}
	l.said("nothing is told")
	if status, err := control.Status(); err != nil || status.Enabled != 0 {
		t.Errorf("enabled %d, %v", status.Enabled, err)
	}
	l.end()
}

// A file with a rule that the kernel refuses leaves nothing, and says which line.
func TestBadRule(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bad.rules")
	text := "-a always,exit -F arch=b64 -S chmod -k fine\n-a always,exit -F dir=/nowhere/at/all -F perm=wa -k refused\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(t, &events.Ledger{}, &lines{})
	o.Rules = []string{file}
	s := New(o)
	got, err := s.Open([]events.Kind{events.KindExec, events.KindAudit})
	if len(got) != 0 || err == nil || !strings.Contains(err.Error(), "bad.rules:2: ") {
		t.Errorf("got %v, %v", got, err)
	}
	for _, service := range s.Plan() {
		if service.Err == nil {
			t.Errorf("the plan has %v", service)
		}
	}
	if list, err := control.Rules(); err != nil || len(list) != 0 {
		t.Errorf("%d rules left, %v", len(list), err)
	}
	if after, err := control.Status(); err != nil || valuesOf(after) != valuesOf(before) || after.PID != 0 {
		t.Errorf("status %+v, before %+v, %v", after, before, err)
	}
}

// Diagnosis says what Open would do, and does nothing.
func TestDiagnosis(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, &events.Ledger{}, &lines{})
	o.Diagnosis = true
	s := New(o)
	got, err := s.Open([]events.Kind{events.KindExec, events.KindIAM})
	if err != nil || len(got) != 2 || s.Plan()[0].Variant != unicast {
		t.Errorf("got %v, %v, plan %v", got, err, s.Plan())
	}
	if now, err := control.Status(); err != nil || now != before {
		t.Errorf("status %+v, before %+v, %v", now, before, err)
	}
	if list, err := control.Rules(); err != nil || len(list) != 0 {
		t.Errorf("%d rules, %v", len(list), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A rule of the user's is told as kind audit.
func TestUserRule(t *testing.T) {
	audittest.Lock(t)
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "user.rules")
	if err := os.WriteFile(file, []byte("-w "+dir+" -p a -k watched\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, []events.Kind{events.KindAudit}, func(o *Options) { o.Rules = []string{file} })
	l.run()
	// By another process: what the test itself does is the sensor's.
	if err := actor(1, dir, "act").Run(); err != nil {
		t.Fatal(err)
	}
	e := l.wait("the change", func(e *events.Event) bool { return e.Kind == events.KindAudit })
	if e.Audit == nil || !strings.Contains(fmt.Sprint(e.Audit), "watched") {
		t.Errorf("audit: %+v", e.Audit)
	}
	l.end()
}
