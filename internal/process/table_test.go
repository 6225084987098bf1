// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"
	"time"

	"sensor/internal/events"
)

// shows wants a description of the process as it is, with these arguments.
func (k *kernel) shows(what string, got *events.Process, want *proc, packed string) {
	k.t.Helper()
	switch {
	case got == nil && want == nil:
	case got == nil || want == nil:
		k.t.Errorf("%s: got %+v, want %v", what, got, want)
	case got.PID != want.pid || got.StartKey != want.start || got.EntityID != entityOf(want.pid, want.start):
		k.t.Errorf("%s: got %d of %d, %s; want %v", what, got.PID, got.StartKey, got.EntityID, want)
	case got.Args.Packed != packed:
		k.t.Errorf("%s: got arguments %q, want %q", what, got.Args.Packed, packed)
	}
}

func TestForkInherits(t *testing.T) {
	k := newKernel(t, roomy)
	k.exec(k.init, "/lib/systemd/systemd", "--user")
	shell := k.fork(k.init)
	e := k.exec(shell, "/bin/sh", "-c", "")
	e.Process.Filename = events.Path{Name: "/usr/bin/script"}
	e.Process.Script, e.Process.Redacted = true, true
	e.Process.Env = events.Args{Packed: "LD_PRELOAD=x\x00"}
	for _, test := range []struct {
		name            string
		creator, parent *proc
	}{{"fork", shell, shell}, {"CLONE_PARENT", shell, k.init}} {
		t.Run(test.name, func(t *testing.T) {
			p, e := k.clone(test.creator, test.parent)
			got := e.Process
			k.shows("process", got, p, "/bin/sh\x00-c\x00\x00")
			k.shows("parent", e.Family.Parent, test.parent, test.parent.packed())
			if got.Executable.Name != "/bin/sh" || got.Name != "sh" || got.Filename.Name != "/usr/bin/script" ||
				!got.Script || !got.Redacted || got.Env.Packed != "LD_PRELOAD=x\x00" || got.Args.Count != 3 {
				t.Errorf("got %+v", got)
			}
			if e.Family.Previous != nil {
				t.Errorf("a fork has the image %+v before", e.Family.Previous)
			}
			k.shows("after exit", k.exit(p).Process, p, "/bin/sh\x00-c\x00\x00")
		})
	}
}

func TestExecReplaces(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.fork(k.init)
	e := k.exec(p, "/bin/a", "1")
	k.shows("the first image before", e.Family.Previous, p, k.init.packed())
	e = k.exec(p, "/bin/b", "2")
	k.shows("process", e.Process, p, "/bin/b\x002\x00")
	k.shows("image before", e.Family.Previous, p, "/bin/a\x001\x00")
	if got := e.Family.Previous.Executable.Name; got != "/bin/a" {
		t.Errorf("ran %s before", got)
	}
	e = k.exit(p)
	k.shows("after exit", e.Process, p, "/bin/b\x002\x00")
	if e.Process.Executable.Name != "/bin/b" || e.Process.Name != "b" || e.Family.Previous != nil {
		t.Errorf("ended as %+v, before as %+v", e.Process, e.Family.Previous)
	}
}

// What an event shows was true when it happened, and stays what it was.
func TestEventsStay(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.fork(k.init)
	first := k.exec(p, "/bin/a")
	child := k.tell(events.KindFork, k.forked(p), p)
	k.exec(p, "/bin/b")
	k.exit(p)
	k.shows("exec", first.Process, p, "/bin/a\x00")
	k.shows("parent of a child", child.Family.Parent, p, "/bin/a\x00")
}

// An exec that was lost leaves the table with an image that nobody shows any more.
func TestLostExec(t *testing.T) {
	lost := func(t *testing.T) (*kernel, *proc) {
		k := newKernel(t, roomy)
		p := k.fork(k.init)
		k.exec(p, "/bin/a", "1")
		k.lose = true
		k.exec(p, "/bin/b", "2")
		k.lose = false
		return k, p
	}
	check := func(t *testing.T, got *events.Process, name, executable string) {
		t.Helper()
		if got.Args.Packed != "" || got.Filename.Name != "" || got.Executable.Name != executable || got.Name != name {
			t.Errorf("got %s, executable %q, arguments %q", got.Name, got.Executable.Name, got.Args.Packed)
		}
	}
	t.Run("fork", func(t *testing.T) {
		k, p := lost(t)
		_, e := k.clone(p, p)
		check(t, e.Process, "b", "/bin/b")
	})
	t.Run("exit", func(t *testing.T) {
		k, p := lost(t)
		check(t, k.exit(p).Process, "b", "")
	})
	t.Run("failed exec", func(t *testing.T) {
		k, p := lost(t)
		check(t, k.tell(events.KindExecFailed, p, nil).Process, "b", "/bin/b")
	})
	t.Run("exec", func(t *testing.T) {
		k, p := lost(t)
		e := k.exec(p, "/bin/c")
		k.shows("process", e.Process, p, "/bin/c\x00")
		if e.Family.Previous != nil {
			t.Errorf("before it ran %+v", e.Family.Previous)
		}
		k.shows("image before the next", k.exec(p, "/bin/d").Family.Previous, p, "/bin/c\x00")
	})
}

// A source that knows no exec id, such as /proc: only the executable tells.
func TestLostExecWithoutExecID(t *testing.T) {
	for _, test := range []struct{ now, want string }{{"/bin/a", "/bin/a\x00"}, {"/bin/b", ""}, {"", "/bin/a\x00"}} {
		k := newKernel(t, roomy)
		p := k.forked(k.init)
		p.exe, p.args = "/bin/a", []string{"/bin/a"}
		e := k.describe(events.KindAlreadyRunning, p, nil)
		e.Process.HasExecID, e.Process.ExecID = false, 0
		k.table.Enrich(e)
		p.exe, p.execID = test.now, 9
		k.shows("failed exec of "+test.now, k.tell(events.KindExecFailed, p, nil).Process, p, test.want)
	}
}

func TestPIDReuse(t *testing.T) {
	for _, exited := range []bool{true, false} {
		k := newKernel(t, roomy)
		old := k.fork(k.init)
		k.setsid(old)
		k.exec(old, "/bin/old")
		k.lose = !exited
		k.exit(old)
		k.lose = false
		k.nextPID = old.pid - 1
		p := k.fork(k.init)
		if p.pid != old.pid {
			t.Fatalf("the pid is %d, not %d again", p.pid, old.pid)
		}
		child, e := k.clone(p, p)
		k.shows("parent", e.Family.Parent, p, k.init.packed())
		e = k.exec(p, "/bin/new")
		k.shows("image before", e.Family.Previous, p, k.init.packed())
		k.shows("process", e.Process, p, "/bin/new\x00")

		k.shows("parent of its child", k.exec(child, "/bin/child").Family.Parent, p, "/bin/new\x00")
		if err := k.table.invariant(); err != nil {
			t.Error(err)
		}
	}
}

// A group's number goes from a group that is gone to a process that came later.
func TestPIDReuseOfGroup(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	old := k.fork(shell)
	old.group = old
	k.exec(old, "/bin/old")
	member := k.fork(shell)
	member.group = old
	k.exec(member, "/bin/member")
	k.exit(old)
	member.group = shell // setpgid: no event
	k.nextPID = old.pid - 1
	leader := k.fork(shell)
	if leader.pid != old.pid {
		t.Fatalf("the pid is %d, not %d again", leader.pid, old.pid)
	}
	leader.group = leader
	k.exec(leader, "/bin/new")
	member.group = leader
	e := k.exec(member, "/bin/member")
	k.shows("group leader", e.Family.GroupLeader, leader, "/bin/new\x00")
}

func TestExitOfUnknown(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.forked(k.init)
	k.lose = true
	k.exec(p, "/bin/a")
	k.lose = false
	e := k.exit(p)
	k.shows("process", e.Process, p, "")
	k.shows("parent", e.Family.Parent, k.init, k.init.packed())
	if e.Process.Name != "a" {
		t.Errorf("it is called %q", e.Process.Name)
	}
	if s := k.table.Stats(); s.Unknown != 1 || s.Evicted != 0 {
		t.Errorf("got %+v, want one unknown", s)
	}
	if err := k.table.invariant(); err != nil {
		t.Error(err)
	}
}

// A parent that the table does not know is at least named, and the session
// may still say how it was entered.
func TestUnknownParent(t *testing.T) {
	for _, known := range []bool{true, false} {
		k := newKernel(t, roomy)
		shell := k.login()
		parent := k.forked(shell)
		if !known {
			k.setsid(parent)
		}
		p := k.fork(parent)
		e := k.exec(p, "/bin/a")
		k.shows("parent", e.Family.Parent, parent, "")
		if e.Family.Parent.Name != "" {
			t.Errorf("parent %+v", e.Family.Parent)
		}
		if known {
			k.wantEntry(e, shell, entrySSHD)
		} else {
			k.wantEntry(e, p, entryUnknown)
		}
	}
}

// A process is the same in all events of all sources, however exactly they know its start.
func TestStartExactness(t *testing.T) {
	const start, coarse = 123_456_789_123, 123_450_000_000
	for _, test := range []struct {
		name         string
		first, later uint64
		want         uint64
	}{
		{"exact", start, start, start},
		{"exact, then coarse", start, coarse, start},
		{"exact, then unknown", start, 0, start},
		{"coarse, then exact", coarse, start, start},
		{"coarse, then unknown", coarse, 0, coarse},
		{"unknown, then exact", 0, start, start},
		{"unknown, then coarse", 0, coarse, coarse},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKernel(t, roomy)
			wall := func(key uint64) time.Time {
				if key == 0 {
					return time.Time{}
				}
				return bootTime.Add(time.Duration(key))
			}
			show := func(start uint64) *events.Process {
				p := &events.Process{PID: 777, StartKey: start, Start: wall(start), ParentPID: 1, GroupLeaderPID: 777, SessionPID: 1}
				k.table.Enrich(&events.Event{Kind: events.KindExec, Process: p})
				return p
			}
			first := show(test.first)
			var starts []time.Time
			for range 3 {
				p := show(test.later)
				if p.StartKey != test.want || p.EntityID != entityOf(777, test.want) {
					t.Errorf("got start %d and %q, want %d", p.StartKey, p.EntityID, test.want)
				}
				starts = append(starts, p.Start)
			}
			if test.first != 0 && (first.EntityID != entityOf(777, test.want) || !starts[0].Equal(first.Start)) {
				t.Errorf("first it was %s of %v, then of %v", first.EntityID, first.Start, starts)
			}
			if starts[0].IsZero() || starts[0] != starts[2] {
				t.Errorf("it started at %v", starts)
			}
			if other := show(start + 10*tick); other.EntityID == first.EntityID || other.StartKey != start+10*tick {
				t.Errorf("another process is %+v", other)
			}
		})
	}
}

// Events without a process pass.
func TestNoProcess(t *testing.T) {
	k := newKernel(t, roomy)
	before := k.table.Stats()
	k.table.Enrich(&events.Event{Kind: events.KindEventsLost, Loss: &events.Loss{}})
	if k.table.Stats() != before {
		t.Errorf("got %+v, want %+v", k.table.Stats(), before)
	}
}

// TestUnattributed counts what a source could tell of a flow, but not of whom.
func TestUnattributed(t *testing.T) {
	table := NewTable("host", "boot", 1<<20)
	for range 2 {
		table.Enrich(&events.Event{Kind: events.KindClose, Network: &events.Network{}})
	}
	table.Enrich(&events.Event{Kind: events.KindEventsLost})
	if got := table.Unattributed(); len(got) != 1 || got["close"] != 2 {
		t.Errorf("got %v, want 2 of kind close", got)
	}
}
