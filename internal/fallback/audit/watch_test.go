// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"
)

// state is what matters of a kernel and a watch.
type state struct {
	holds, member bool
	rules         int
	enabled       uint32
	wait          uint32
}

func stateOf(k *fakeKernel, w *watch) state {
	holds := w.tenure.holds && int(k.status.PID) == k.self
	return state{holds, k.member, len(k.rules), k.status.Enabled, k.status.BacklogWaitTime}
}

var (
	alone  = state{holds: true, rules: 3, enabled: 1}
	along  = state{member: true, enabled: 1, wait: 15000}
	nobody = state{wait: 15000}
)

func TestWatch(t *testing.T) {
	type step struct {
		name  string
		do    func(k *fakeKernel)
		after time.Duration // until the next look
		want  state
		says  string // once, in the log; "" if nothing
		err   error
	}
	daemon := func(pid, enabled uint32) func(k *fakeKernel) {
		return func(k *fakeKernel) { k.status.PID, k.status.Enabled = pid, enabled }
	}
	nothing := func(*fakeKernel) {}
	for _, test := range []struct {
		name   string
		before func(k *fakeKernel)
		beside bool
		start  state
		steps  []step
		end    state
	}{
		{"alone", nothing, false, alone, []step{{"look", nothing, 0, alone, "", nil}}, nobody},
		{"beside another daemon", daemon(7, 1), false, along, []step{
			{"look", nothing, 0, along, "belong to another daemon", nil},
			{"look again", nothing, 0, along, "", nil},
			{"another daemon", daemon(8, 1), 0, along, "daemon=8", nil},
			{"it ends", daemon(0, 0), 0, alone, "the sensor does", nil},
			{"look at what is", nothing, 0, alone, "", nil},
		}, nobody},
		{"beside another daemon, with rules", daemon(7, 1), true, state{false, true, 3, 1, 15000}, []step{
			{"look", nothing, 0, state{false, true, 3, 1, 15000}, "belong to another daemon", nil},
		}, state{enabled: 1, wait: 15000, member: true}},
		{"a dead daemon is none", daemon(404, 1), false, alone, nil, state{enabled: 1, wait: 15000}},
		{"a daemon dies", daemon(7, 1), false, along, []step{
			{"dead", daemon(404, 1), 0, alone, "the sensor does", nil},
		}, state{enabled: 1, wait: 15000}},
		{"another daemon was faster", func(k *fakeKernel) { k.status.Enabled = 1; k.refuse["own"] = unix.EEXIST }, false, along, nil,
			state{member: true, enabled: 1, wait: 15000}},
		{"a daemon takes the records", nothing, false, alone, []step{
			{"taken", daemon(7, 1), 0, along, "receives the records now", nil},
			{"look", nothing, 0, along, "", nil},
		}, along},
		{"the kernel gives up", nothing, false, alone, []step{
			{"once", func(k *fakeKernel) { k.status.PID = 0 }, 0, alone, "given up on the sensor", nil},
			{"look", nothing, 0, alone, "", nil},
		}, nobody},
		{"rules are removed", nothing, false, alone, []step{
			{"all", func(k *fakeKernel) { k.rules = nil }, 0, alone, "removed rules", nil},
			{"at once again", func(k *fakeKernel) { k.rules = nil }, time.Second, state{holds: true, enabled: 1}, "", nil},
			{"after a pause", nothing, shortestPause, alone, "removed rules", nil},
			{"and again", func(k *fakeKernel) { k.rules = k.rules[1:] }, shortestPause, state{holds: true, enabled: 1, rules: 2}, "", nil},
			{"after a longer pause", nothing, shortestPause + time.Second, alone, "removed rules", nil},
		}, nobody},
		{"rules cannot be added again", nothing, false, alone, []step{
			{"refused", func(k *fakeKernel) { k.rules = nil; k.refuse["add 3"] = unix.ENOMEM }, 0, state{holds: true, enabled: 1}, "", unix.ENOMEM},
			{"later", func(k *fakeKernel) { delete(k.refuse, "add 3") }, shortestPause + time.Second, alone, "removed rules", nil},
		}, nobody},
		{"locked", nothing, false, alone, []step{
			{"locked", func(k *fakeKernel) { k.status.Enabled = immutable }, 0, state{holds: true, rules: 3, enabled: immutable}, "locked until", nil},
			{"look", nothing, 0, state{holds: true, rules: 3, enabled: immutable}, "", nil},
		}, state{rules: 3, enabled: immutable}},
		{"locked before", func(k *fakeKernel) { k.status.Enabled = immutable }, false, state{holds: true, enabled: immutable, wait: 15000}, []step{
			{"look", nothing, 0, state{holds: true, enabled: immutable, wait: 15000}, "", nil},
		}, state{enabled: immutable, wait: 15000}},
		{"switched off", nothing, false, alone, []step{
			{"once", func(k *fakeKernel) { k.status.Enabled = 0 }, 0, alone, "once", nil},
			{"twice", func(k *fakeKernel) { k.status.Enabled = 0 }, 0, state{holds: true, rules: 3}, "nothing is told", nil},
			{"look", nothing, time.Hour, state{holds: true, rules: 3}, "", nil},
			{"on", func(k *fakeKernel) { k.status.Enabled = 1 }, 0, alone, "on again", nil},
		}, nobody},
		{"switched off beside", daemon(7, 1), false, along, []step{
			{"off", func(k *fakeKernel) { k.status.Enabled = 0 }, 0, state{member: true, wait: 15000}, "nothing is told", nil},
		}, state{member: true, wait: 15000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newFakeKernel()
			test.before(k)
			w, log := fakeWatch(t, k, test.beside)
			if err := w.start(); err != nil {
				t.Fatal(err)
			}
			if got := stateOf(k, w); got != test.start {
				t.Fatalf("started: %+v, want %+v", got, test.start)
			}
			now := time.Unix(1_800_000_000, 0)
			for _, s := range test.steps {
				s.do(k)
				now = now.Add(s.after)
				said := len(log.String())
				_, err := w.check(now, k.status)
				if (err != nil) != (s.err != nil) || err != nil && !strings.Contains(err.Error(), s.err.Error()) {
					t.Errorf("%s: %v, want %v", s.name, err, s.err)
				}
				if got := stateOf(k, w); got != s.want {
					t.Errorf("%s: %+v, want %+v", s.name, got, s.want)
				}
				if text := log.String()[said:]; !strings.Contains(text, s.says) || s.says == "" && strings.Contains(text, "level=") {
					t.Errorf("%s: said %q, want %q", s.name, text, s.says)
				}
			}
			_ = w.end() // fails where it must
			if got := stateOf(k, w); got != test.end {
				t.Errorf("ended: %+v, want %+v", got, test.end)
			}
			if files, _ := os.ReadDir(w.tenure.journal.dir); len(files) != 0 {
				t.Errorf("left in the state directory: %v", files)
			}
		})
	}
}

// A daemon that was refused gets the records when it tries again. If it does not, the sensor takes them again.
func TestYield(t *testing.T) {
	k := newFakeKernel()
	w, log := fakeWatch(t, k, false)
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	if err := w.yield(7, now); err != nil {
		t.Fatal(err)
	}
	yielded := state{member: true, wait: 15000}
	for range 3 { // and nothing more is said, or done, while it is waited for
		if got := stateOf(k, w); got != yielded {
			t.Fatalf("yielded: %+v, want %+v", got, yielded)
		}
		if _, err := w.check(now.Add(time.Second), k.status); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "level="); n != 1 {
		t.Errorf("said %d things: %s", n, log)
	}
	if _, err := w.check(now.Add(yieldFor+time.Second), k.status); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(k, w); got != alone {
		t.Errorf("nobody came: %+v, want %+v", got, alone)
	}
	if err := w.yield(7, now); err != nil {
		t.Fatal(err)
	}
	k.status.PID, k.status.Enabled = 7, 1
	if _, err := w.check(now.Add(yieldFor+time.Second), k.status); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(k, w); got != along {
		t.Errorf("it came: %+v, want %+v", got, along)
	}
}

// A rule that cannot be added leaves nothing behind, and is named.
func TestAllRulesOrNone(t *testing.T) {
	for refused := range 3 {
		for _, pid := range []uint32{0, 7} {
			k := newFakeKernel()
			k.status.PID = pid
			k.refuse["add "+string(rune('0'+refused))] = unix.EINVAL
			before := k.status
			w, _ := fakeWatch(t, k, true)
			err := w.start()
			line := ":" + string(rune('1'+refused)) + ": "
			if err == nil || !strings.Contains(err.Error(), line) || !strings.Contains(err.Error(), "test.rules") {
				t.Errorf("rule %d refused: %v", refused, err)
			}
			if len(k.rules) != 0 || k.status != before || k.member {
				t.Errorf("rule %d refused: left %d rules, %+v, member %v", refused, len(k.rules), k.status, k.member)
			}
			if files, _ := os.ReadDir(w.tenure.journal.dir); len(files) != 0 {
				t.Errorf("rule %d refused: left %v", refused, files)
			}
		}
	}
}

// What others have set meanwhile stays.
func TestRestoreOnlyOurs(t *testing.T) {
	k := newFakeKernel()
	w, _ := fakeWatch(t, k, false)
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	k.status.BacklogLimit, k.status.Failure = 1<<16, 2
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	want := libaudit.AuditStatus{Failure: 2, BacklogLimit: 1 << 16, BacklogWaitTime: 15000}
	if k.status != want {
		t.Errorf("%+v, want %+v", k.status, want)
	}
}

// A larger backlog than ours stays.
func TestLargerBacklog(t *testing.T) {
	if got := ours(values{BacklogLimit: 1 << 20}); got.BacklogLimit != 1<<20 {
		t.Errorf("the backlog is cut to %d", got.BacklogLimit)
	}
}
