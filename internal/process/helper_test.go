// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

const (
	hostID = "b0d9a3c1e2f44a5f8a7c0d1e2f3a4b5c"
	bootID = "5a5f9d5c-6f0a-4a53-9f3a-0c2c4f4c1b2d"
)

var bootTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// A proc is a process as it truly is.
type proc struct {
	pid            uint32
	start          uint64
	execID         uint64
	exe            string
	args           []string
	parent         *proc
	group, session *proc // the leaders, dead or alive
	tty            events.TTY
	dead           bool
	entry          *proc // where its session was entered, and how
	entryType      string
}

func (p *proc) String() string {
	if p == nil {
		return "nobody"
	}
	return fmt.Sprintf("%d of %d", p.pid, p.start)
}

func (p *proc) packed() string {
	if len(p.args) == 0 {
		return ""
	}
	return strings.Join(p.args, "\x00") + "\x00"
}

// A kernel lets processes live, and tells a table of it.
type kernel struct {
	t       testing.TB
	table   *Table
	clock   uint64
	nextPID uint32
	maxPID  uint32
	running map[uint32]*proc
	init    *proc
	lose    bool // the next events do not reach the table
}

const roomy = 64 << 20

func newKernel(t testing.TB, maxBytes int) *kernel {
	k := &kernel{t: t, table: NewTable(hostID, bootID, maxBytes), clock: 23e7, nextPID: 300, maxPID: 32768, running: map[uint32]*proc{}}
	p := &proc{pid: 1, start: k.clock, exe: "/sbin/init", args: []string{"/sbin/init"}, entryType: entryInit}
	p.group, p.session, p.entry = p, p, p
	k.init, k.running[1] = p, p
	k.tell(events.KindAlreadyRunning, p, nil)
	return k
}

// tick lets time pass: never a whole number of /proc's ticks.
func (k *kernel) tick() uint64 {
	k.clock += 10_000_019
	if k.clock%tick == 0 {
		k.clock++
	}
	return k.clock
}

// pid gives a pid that names no process, group or session.
func (k *kernel) pid() uint32 {
	taken := map[uint32]bool{}
	for _, p := range k.running {
		taken[p.pid], taken[p.group.pid], taken[p.session.pid] = true, true, true
	}
	for {
		if k.nextPID++; k.nextPID > k.maxPID {
			k.nextPID = 2
		}
		if !taken[k.nextPID] {
			return k.nextPID
		}
	}
}

func (k *kernel) fork(creator *proc) *proc {
	p, _ := k.clone(creator, creator)
	return p
}

// clone is clone(2); with CLONE_PARENT the parent is the creator's.
func (k *kernel) clone(creator, parent *proc) (*proc, *events.Event) {
	p := &proc{
		pid: k.pid(), start: k.tick(), execID: creator.execID, exe: creator.exe, args: creator.args, tty: creator.tty,
		parent: parent, group: creator.group, session: creator.session, entry: creator.entry, entryType: creator.entryType,
	}
	k.running[p.pid] = p
	return p, k.tell(events.KindFork, p, creator)
}

func (k *kernel) exec(p *proc, exe string, args ...string) *events.Event {
	k.tick()
	p.execID++
	p.exe, p.args = exe, append([]string{exe}, args...)
	return k.tell(events.KindExec, p, nil)
}

func (k *kernel) exit(p *proc) *events.Event {
	k.tick()
	e := k.tell(events.KindExit, p, nil)
	p.dead = true
	delete(k.running, p.pid)
	for _, child := range k.running {
		if child.parent == p {
			child.parent = k.init
		}
	}
	return e
}

// setsid and the like: no event says so.
func (k *kernel) setsid(p *proc) {
	p.group, p.session, p.tty = p, p, events.TTY{}
}

var (
	pts     = events.TTY{Known: true, Major: 136, Minor: 3}
	lastPTS = events.TTY{Known: true, Major: 143, Minor: 7}
	vt      = events.TTY{Known: true, Major: 4, Minor: 1}
	serial  = events.TTY{Known: true, Major: 204, Minor: 64}
	console = events.TTY{Known: true, Major: 5, Minor: 1}
)

// describe makes the event as a source would, before the table completes it.
func (k *kernel) describe(kind events.Kind, p, creator *proc) *events.Event {
	comm := p.exe[strings.LastIndexByte(p.exe, '/')+1:]
	d := &events.Process{
		PID: p.pid, TID: p.pid, ExecID: p.execID, HasExecID: true, StartKey: p.start, Start: bootTime.Add(time.Duration(p.start)),
		Name: comm, ThreadName: comm, TTY: p.tty, GroupLeaderPID: p.group.pid, SessionPID: p.session.pid,
	}
	if p.parent != nil {
		d.ParentPID, d.ParentStartKey = p.parent.pid, p.parent.start
	}
	if creator != nil {
		d.CreatorPID, d.CreatorStartKey = creator.pid, creator.start
	}
	if kind != events.KindExit { // its memory is gone
		d.Executable = events.Path{Name: p.exe}
	}
	if kind == events.KindExec || kind == events.KindAlreadyRunning {
		d.Args = events.Args{Packed: p.packed(), Count: len(p.args)}
	}
	return &events.Event{Kind: kind, Time: bootTime.Add(time.Duration(k.clock)), Process: d}
}

func (k *kernel) tell(kind events.Kind, p, creator *proc) *events.Event {
	e := k.describe(kind, p, creator)
	if !k.lose {
		k.table.Enrich(e)
	}
	return e
}

// invariant walks all that the table holds and compares it with what it counts.
func (t *Table) invariant() error {
	reached := map[*entry]bool{}
	references := map[*entry]int{}
	var reach func(e *entry)
	reach = func(e *entry) {
		if reached[e] {
			return
		}
		reached[e] = true
		for _, to := range []*entry{e.group, e.session, e.entryLeader} {
			if to != nil {
				references[to]++
				reach(to)
			}
		}
	}
	for _, l := range []*list{&t.alive, &t.dead} {
		n := 0
		var before *entry
		for e := l.first; e != nil; before, e = e, e.after {
			n++
			switch {
			case e.before != before || e.where != l:
				return fmt.Errorf("the list is broken at %d", e.process.PID)
			case e.dead != (l == &t.dead):
				return fmt.Errorf("%d is in the wrong list", e.process.PID)
			case e.dropped || t.latest[e.process.PID] != e:
				return fmt.Errorf("%d is in a list and not in the table", e.process.PID)
			}
			reach(e)
		}
		if l.last != before || l.length != n {
			return fmt.Errorf("a list counts %d entries and has %d", l.length, n)
		}
	}
	if n := t.alive.length + t.dead.length; n != len(t.latest) {
		return fmt.Errorf("the lists have %d entries, the table %d", n, len(t.latest))
	}
	bytes := 0
	for e := range reached {
		bytes += e.size
		switch {
		case e.references != references[e]:
			return fmt.Errorf("%d counts %d references and has %d", e.process.PID, e.references, references[e])
		case e.size != sizeOf(e.process):
			return fmt.Errorf("%d counts %d bytes", e.process.PID, e.size)
		case e.dropped && (e.group != nil || e.session != nil || e.entryLeader != nil):
			return fmt.Errorf("%d is dropped and keeps others", e.process.PID)
		}
	}
	if t.bytes != bytes || t.bytes > t.maxBytes {
		return fmt.Errorf("the table counts %d bytes and keeps %d, of at most %d", t.bytes, bytes, t.maxBytes)
	}
	return nil
}
