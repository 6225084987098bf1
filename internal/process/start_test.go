// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"
	"time"

	"sensor/internal/events"
)

// A teller makes events as sources do that do not know every start time.
type teller struct {
	t     *testing.T
	table *Table
}

func newTeller(t *testing.T) teller { return teller{t, NewTable(hostID, bootID, roomy)} }

// tell tells of process 4711 with that start, in ticks of 10 ms or 0, and at that time.
func (l teller) tell(kind events.Kind, at, start uint64, exe string) *events.Event {
	l.t.Helper()
	p := &events.Process{PID: 4711, ParentPID: 300, Name: exe, Executable: events.Path{Name: exe}, StartKey: start * tick}
	p.Credentials.Known = true
	if start != 0 {
		p.Start = bootTime.Add(time.Duration(start * tick))
	}
	if kind == events.KindExec {
		p.Args = events.Args{Packed: exe + "\x00-x\x00", Count: 2}
	}
	e := &events.Event{Kind: kind, Time: bootTime.Add(time.Duration(at * tick)), Process: p}
	l.table.Enrich(e)
	if err := l.table.invariant(); err != nil {
		l.t.Error(err)
	}
	return e
}

func TestStartUnknown(t *testing.T) {
	const a, b = "/bin/a", "/bin/b"
	for name, test := range map[string]struct {
		before  func(l teller)
		kind    events.Kind
		at      uint64
		start   uint64
		exe     string
		started uint64 // 0 if the event must have no entity id
		args    string
		after   string // the image before
	}{
		"exec after exec":                  {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindExec, 6, 0, b, 0, b + "\x00-x\x00", a},
		"exec after a fork":                {func(l teller) { l.tell(events.KindFork, 4, 4, a) }, events.KindExec, 6, 0, b, 4, b + "\x00-x\x00", a},
		"exec after an exit":               {func(l teller) { l.tell(events.KindExec, 5, 0, a); l.tell(events.KindExit, 6, 0, a) }, events.KindExec, 7, 0, b, 0, b + "\x00-x\x00", ""},
		"exit twice":                       {func(l teller) { l.tell(events.KindExec, 5, 0, a); l.tell(events.KindExit, 6, 0, a) }, events.KindExit, 6, 0, a, 0, a + "\x00-x\x00", ""},
		"act of the image":                 {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindConnect, 6, 0, a, 0, a + "\x00-x\x00", ""},
		"act of another image":             {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindConnect, 6, 0, b, 0, "", ""},
		"act after an exit":                {func(l teller) { l.tell(events.KindExec, 5, 0, a); l.tell(events.KindExit, 6, 0, a) }, events.KindConnect, 7, 0, a, 0, "", ""},
		"act of who started since":         {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindConnect, 9, 8, a, 8, "", ""},
		"act of who started before":        {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindConnect, 9, 4, a, 4, a + "\x00-x\x00", ""},
		"act after the fork was told late": {func(l teller) { l.tell(events.KindExec, 5, 0, a); l.tell(events.KindFork, 4, 4, "/bin/sh") }, events.KindConnect, 9, 0, a, 4, a + "\x00-x\x00", ""},
		"exec after a later fork":          {func(l teller) { l.tell(events.KindExec, 5, 0, a); l.tell(events.KindFork, 8, 8, "/bin/sh") }, events.KindExec, 9, 0, b, 8, b + "\x00-x\x00", "/bin/sh"},
		"uid change":                       {func(l teller) { l.tell(events.KindExec, 5, 0, a) }, events.KindUIDChange, 6, 0, a, 0, a + "\x00-x\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTeller(t)
			test.before(l)
			e := l.tell(test.kind, test.at, test.start, test.exe)
			want := ""
			if test.started != 0 {
				want = entityOf(4711, test.started*tick)
			}
			if e.Process.EntityID != want {
				t.Errorf("entity id %q, want %q", e.Process.EntityID, want)
			}
			if e.Process.Args.Packed != test.args || e.Process.Executable.Name != test.exe {
				t.Errorf("%s with arguments %q, want %s with %q", e.Process.Executable.Name, e.Process.Args.Packed, test.exe, test.args)
			}
			previous := ""
			if e.Family.Previous != nil {
				previous = e.Family.Previous.Executable.Name
			}
			if previous != test.after {
				t.Errorf("the image before is %q, want %q", previous, test.after)
			}
			if e.Family.Parent == nil || e.Family.Parent.PID != 300 {
				t.Errorf("parent %+v", e.Family.Parent)
			}
		})
	}
}

// A fork that is told late does not change what was told.
func TestStartLearntLate(t *testing.T) {
	l := newTeller(t)
	exec := l.tell(events.KindExec, 5, 0, "/bin/a")
	l.tell(events.KindFork, 4, 4, "/bin/sh")
	if exec.Process.StartKey != 0 || exec.Process.EntityID != "" {
		t.Errorf("the exec that was told has become %+v", exec.Process)
	}
}

// Who does not tell of groups and sessions does not end them.
func TestLeadersUnknown(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	p := k.fork(shell)
	k.exec(p, "/bin/a")
	e := k.describe(events.KindExec, p, nil)
	e.Process.GroupLeaderPID, e.Process.SessionPID, e.Process.StartKey = 0, 0, 0
	k.table.Enrich(e)
	k.shows("session leader", e.Family.SessionLeader, shell, shell.packed())
	if e.Family.GroupLeader == nil || e.Process.EntityID != entityOf(p.pid, p.start) {
		t.Errorf("got %+v, %+v", e.Family, e.Process)
	}
}

// Of who was gone when its source looked at it, the pid alone is told: what was known stays.
func TestGone(t *testing.T) {
	for _, kind := range []events.Kind{events.KindExec, events.KindExit} {
		k := newKernel(t, roomy)
		shell := k.login()
		p := k.fork(shell)
		k.exec(p, "/bin/a")
		k.table.Enrich(k.describe(events.KindExec, p, nil))
		e := &events.Event{Kind: kind, Time: bootTime, Process: &events.Process{PID: p.pid}}
		k.table.Enrich(e)
		k.shows("session leader", e.Family.SessionLeader, shell, shell.packed())
		if e.Family.Parent == nil || e.Family.Parent.PID != shell.pid || e.Process.EntityID != entityOf(p.pid, p.start) {
			t.Errorf("%s: got %+v, %+v", kind, e.Family, e.Process)
		}
		if kind == events.KindExit && e.Process.Executable.Name != "/bin/a" {
			t.Errorf("%s: the image is %q", kind, e.Process.Executable.Name)
		}
	}
}

// A program that tells the audit system that it is another is not believed where it is known.
func TestClaimed(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.fork(k.login())
	k.exec(p, "/bin/a")
	k.table.Enrich(k.describe(events.KindExec, p, nil))
	claim := func(pid uint32) *events.Process {
		e := &events.Event{Kind: events.KindAuthentication, Time: bootTime, Process: &events.Process{
			PID: pid, Name: "sshd", Executable: events.Path{Name: "/usr/sbin/sshd"}, Claimed: true,
		}}
		k.table.Enrich(e)
		return e.Process
	}
	if got := claim(p.pid); got.Executable.Name != "/bin/a" || got.Args.Packed == "" || got.EntityID != entityOf(p.pid, p.start) {
		t.Errorf("of a known process: %+v", got)
	}
	if got := claim(4711); got.Executable.Name != "/usr/sbin/sshd" {
		t.Errorf("of an unknown one: %+v", got)
	}
}
