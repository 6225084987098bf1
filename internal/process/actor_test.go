// SPDX-License-Identifier: Apache-2.0

package process

import (
	"path"
	"testing"
	"time"

	"sensor/internal/events"
)

// acts makes an event as a source does that knows only who acted.
func (k *kernel) acts(p *proc, change func(d *events.Process)) *events.Event {
	k.tick()
	comm := path.Base(p.exe)
	d := &events.Process{
		PID: p.pid, TID: p.pid, ExecID: p.execID, HasExecID: true, StartKey: p.start, Start: bootTime.Add(time.Duration(p.start)),
		Name: comm, ThreadName: comm, Cgroup: events.Cgroup{ID: 4711},
	}
	if change != nil {
		change(d)
	}
	e := &events.Event{Kind: events.KindConnect, Time: bootTime.Add(time.Duration(k.clock)), Process: d, Network: &events.Network{}}
	k.table.Enrich(e)
	return e
}

// actor is a process that lived under a login, and the event that last described it.
func actor(t *testing.T) (*kernel, *proc, *events.Event) {
	k := newKernel(t, roomy)
	p := k.fork(k.login())
	p.exe, p.args, p.execID = "/usr/bin/curl", []string{"curl", "-s"}, p.execID+1
	e := k.describe(events.KindExec, p, nil)
	d := e.Process
	d.VPID, d.WorkingDirectory, d.Cgroup = 7, events.Path{Name: "/home/alice"}, events.Cgroup{ID: 4711, Path: "/user.slice"}
	d.Namespaces.Net = 4026531840
	d.Credentials = events.Credentials{Known: true, LoginUID: 1000, Groups: []events.Group{{ID: 27}}}
	d.Credentials.Real = events.User{ID: 1000, Name: "alice"}
	d.Credentials.Effective, d.Credentials.EffectiveGroup = events.User{ID: 1000, Name: "alice"}, events.Group{ID: 1000, Name: "alice"}
	d.Env, d.Redacted = events.Args{Packed: "LD_PRELOAD=x\x00"}, true
	k.table.Enrich(e)
	return k, p, e
}

// same is an actor with the credentials that [actor] described.
func same(d *events.Process) {
	d.Credentials.Effective.ID, d.Credentials.EffectiveGroup.ID = 1000, 1000
}

// kept checks that the event left the table as it was.
func (k *kernel) kept(act func()) {
	k.t.Helper()
	before := k.table.Stats()
	act()
	if after := k.table.Stats(); after != before {
		k.t.Errorf("the table is %+v, was %+v", after, before)
	}
	if err := k.table.invariant(); err != nil {
		k.t.Error(err)
	}
}

// wantFamily wants the relatives that the event which described the process had.
func wantFamily(t *testing.T, got, want *events.Event) {
	t.Helper()
	want.Family.Previous = nil // of an exec alone
	if got.Family != want.Family {
		t.Errorf("relatives %+v, want %+v", got.Family, want.Family)
	}
}

func TestAttributeToImage(t *testing.T) {
	k, p, described := actor(t)
	k.kept(func() {
		e := k.acts(p, same)
		if e.Process != described.Process {
			t.Errorf("got %+v, want the image itself", e.Process)
		}
		wantFamily(t, e, described)
		if e.Family.Parent == nil || e.Family.EntryLeader == nil {
			t.Errorf("relatives %+v", e.Family)
		}
	})
}

// Another image than the table's acted, so nothing of that one is shown.
func TestAttributeToOtherImage(t *testing.T) {
	for name, execs := range map[string]int{"it was replaced since": -1, "its exec was lost": 1} {
		t.Run(name, func(t *testing.T) {
			k, p, described := actor(t)
			k.kept(func() {
				e := k.acts(p, func(d *events.Process) {
					same(d)
					d.ExecID += uint64(execs)
					d.Name, d.ThreadName = "sh", "sh"
				})
				got := e.Process
				if got.Args.Packed != "" || got.Executable.Name != "" || got.Env.Packed != "" || got.Redacted || got.Name != "sh" || got.ThreadName != "sh" {
					t.Errorf("the image is %+v", got)
				}
				if got.ExecID != p.execID+uint64(execs) {
					t.Errorf("the exec id is %d", got.ExecID)
				}
				wantSameProcess(t, got, described.Process)
				wantFamily(t, e, described)
				if again := k.acts(p, same); again.Process != described.Process {
					t.Errorf("then the table has %+v", again.Process)
				}
			})
		})
	}
}

// wantSameProcess compares what does not depend on the image.
func wantSameProcess(t *testing.T, got, want *events.Process) {
	t.Helper()
	type process struct {
		vpid                   uint32
		start                  time.Time
		key                    uint64
		entity, directory      string
		tty                    events.TTY
		net                    uint32
		cgroup                 events.Cgroup
		parent, group, session uint32
		parentKey              uint64
		real                   events.User
		groups                 int
		login                  uint32
	}
	of := func(p *events.Process) process {
		c := &p.Credentials
		return process{p.VPID, p.Start, p.StartKey, p.EntityID, p.WorkingDirectory.Name, p.TTY, p.Namespaces.Net, p.Cgroup,
			p.ParentPID, p.GroupLeaderPID, p.SessionPID, p.ParentStartKey, c.Real, len(c.Groups), c.LoginUID}
	}
	if of(got) != of(want) {
		t.Errorf("got %+v, want %+v", of(got), of(want))
	}
}

// What can change without an exec is as it was then, in this event alone.
func TestAttributeToChanged(t *testing.T) {
	root, alice := events.User{ID: 0}, events.User{ID: 1000, Name: "alice"}
	staff, group := events.Group{ID: 50}, events.Group{ID: 1000, Name: "alice"}
	for name, test := range map[string]struct {
		change func(p *proc, d *events.Process)
		user   events.User
		group  events.Group
	}{
		"user":         {func(_ *proc, d *events.Process) { d.Credentials.Effective.ID = 0 }, root, group},
		"group":        {func(_ *proc, d *events.Process) { d.Credentials.EffectiveGroup.ID = 50 }, alice, staff},
		"other thread": {func(p *proc, d *events.Process) { d.TID, d.ThreadName = p.pid+1, "resolver" }, alice, group},
	} {
		t.Run(name, func(t *testing.T) {
			k, p, described := actor(t)
			change := func(d *events.Process) {
				same(d)
				test.change(p, d)
			}
			k.kept(func() {
				e := k.acts(p, change)
				got := e.Process
				wantSameProcess(t, got, described.Process)
				wantFamily(t, e, described)
				k.shows("process", got, p, "curl\x00-s\x00")
				if got.Executable.Name != "/usr/bin/curl" || got.Name != "curl" || got.Env.Packed == "" || !got.Redacted {
					t.Errorf("the image is %+v", got)
				}
				if c := got.Credentials; !c.Known || c.Effective != test.user || c.EffectiveGroup != test.group {
					t.Errorf("credentials %+v", c)
				}
				if got == described.Process || described.Process.Credentials.Effective != alice || described.Process.TID != p.pid {
					t.Errorf("the event before shows %+v", described.Process)
				}
				if after := k.acts(p, same); after.Process != described.Process {
					t.Error("the table took over what may be long past")
				}
			})
		})
	}
}

// The table describes no process by what only an act tells of it.
func TestAttributeToUnknown(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.forked(k.init)
	before := k.table.Stats()
	e := k.acts(p, nil)
	k.shows("process", e.Process, p, "")
	if e.Process.Name != "init" || e.Family != (events.Family{}) {
		t.Errorf("got %+v, relatives %+v", e.Process, e.Family)
	}
	before.Unknown++
	if after := k.table.Stats(); after != before {
		t.Errorf("the table is %+v, want %+v", after, before)
	}
	if e := k.acts(&proc{pid: 777, exe: "/bin/a"}, nil); e.Process.EntityID != "" {
		t.Errorf("of an unknown start has the id %s", e.Process.EntityID)
	}
	if err := k.table.invariant(); err != nil {
		t.Error(err)
	}
}

// A connection may end after its process. It does not come back for that.
func TestAttributeToDead(t *testing.T) {
	for name, change := range map[string]func(d *events.Process){
		"the same":     same,
		"other thread": func(d *events.Process) { same(d); d.TID++ },
		"other image":  func(d *events.Process) { same(d); d.ExecID-- },
	} {
		t.Run(name, func(t *testing.T) {
			k, p, _ := actor(t)
			exit := k.exit(p)
			k.kept(func() {
				e := k.acts(p, change)
				if e.Process.EntityID != exit.Process.EntityID {
					t.Errorf("got %+v", e.Process)
				}
				wantFamily(t, e, exit)
				if known := k.table.find(p.pid, p.start); !known.dead || known.process != exit.Process {
					t.Errorf("the table has %+v, dead: %v", known.process, known.dead)
				}
			})
		})
	}
}

// The pid of a dead process is another's now, who has not done it.
func TestAttributeToDeadOfOldPID(t *testing.T) {
	k, old, _ := actor(t)
	k.exit(old)
	k.nextPID = old.pid - 1
	p := k.fork(k.init)
	if p.pid != old.pid {
		t.Fatalf("the pid is %d, not %d again", p.pid, old.pid)
	}
	e := k.acts(old, same)
	k.shows("process", e.Process, old, "")
	if e.Family != (events.Family{}) {
		t.Errorf("relatives %+v", e.Family)
	}
	if s := k.table.Stats(); s.Unknown != 1 {
		t.Errorf("got %+v, want one unknown", s)
	}
}

// A process that is dead keeps no pid of a group or session from being given away.
func TestAttributeToDeadOfOldGroup(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	leader := k.fork(shell)
	leader.group = leader
	k.exec(leader, "/bin/leader")
	member := k.fork(leader)
	k.exec(member, "/bin/member")
	k.exit(leader)
	k.exit(member)
	k.nextPID = leader.pid - 1
	other := k.fork(k.init)
	if other.pid != leader.pid {
		t.Fatalf("the pid is %d, not %d again", other.pid, leader.pid)
	}
	e := k.acts(member, nil)
	k.shows("group leader", e.Family.GroupLeader, leader, "/bin/leader\x00")
	k.shows("session leader", e.Family.SessionLeader, shell, shell.packed())
	if err := k.table.invariant(); err != nil {
		t.Error(err)
	}
}

// Relatives are those that the table knows at the time of the act.
func TestAttributeRelatives(t *testing.T) {
	k := newKernel(t, roomy)
	shell := k.login()
	p := k.fork(shell)
	k.exec(p, "/bin/a")
	k.exec(shell, "/bin/zsh")
	e := k.acts(p, nil)
	k.shows("parent", e.Family.Parent, shell, "/bin/zsh\x00")
	k.shows("group leader", e.Family.GroupLeader, shell, "/bin/zsh\x00")
	k.shows("session leader", e.Family.SessionLeader, shell, "/bin/zsh\x00")
	k.wantEntry(e, shell, entrySSHD)
	k.exit(shell)
	e = k.acts(p, nil) // the table was not told who the parent is now
	k.shows("parent", e.Family.Parent, shell, "/bin/zsh\x00")
	k.shows("session leader", e.Family.SessionLeader, shell, "/bin/zsh\x00")
}

// A process that is known from /proc, without an exec id and with a coarse start, is the same.
func TestAttributeToExactStart(t *testing.T) {
	k := newKernel(t, roomy)
	p := k.forked(k.init)
	e := k.describe(events.KindAlreadyRunning, p, nil)
	e.Process.HasExecID, e.Process.ExecID, e.Process.StartKey = false, 0, p.start/tick*tick
	k.table.Enrich(e)
	k.kept(func() {
		got := k.acts(p, nil).Process
		if got.EntityID != e.Process.EntityID || got.EntityID != entityOf(p.pid, p.start) || got.Executable != e.Process.Executable {
			t.Errorf("got %+v, want %+v", got, e.Process)
		}
	})
}

// The process of an event that was emitted is another goroutine's, too: an act
// of the same image must not write to it.
func TestAttributeWritesToNoImage(t *testing.T) {
	k := newKernel(t, roomy)
	outer := k.service("/usr/sbin/cron")
	shell := k.under(outer, events.TTY{}, "/bin/sh")
	for name, p := range map[string]*proc{"init": k.init, "a session's leader": shell} {
		t.Run(name, func(t *testing.T) {
			emitted := k.acts(p, nil).Process
			before := emitted.EntryMeta
			if p == shell {
				k.exec(outer, "/usr/sbin/sshd") // now it looks as if sshd had started the shell
			}
			read := make(chan events.EntryMeta)
			go func() { read <- emitted.EntryMeta }()
			k.acts(p, nil)
			<-read
			if emitted.EntryMeta != before {
				t.Errorf("its entry was %+v, became %+v", before, emitted.EntryMeta)
			}
		})
	}
}
