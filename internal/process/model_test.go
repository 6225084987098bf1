// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sensor/internal/events"
)

// A world is a kernel in which anything may happen, and what the table should
// know of it. Where it follows entry leaders it restates the rules: what it
// checks there is that the table finds the right processes to apply them to.
type world struct {
	*kernel
	random *rand.Rand
	living []*proc
	exact  bool // nothing is lost or forgotten: what is missing is wrong
}

func newWorld(t testing.TB, seed uint64, maxBytes int, exact bool) *world {
	w := &world{kernel: newKernel(t, maxBytes), random: rand.New(rand.NewPCG(seed, 1)), exact: exact}
	w.maxPID = 400 // pids come back soon
	w.living = []*proc{w.init}
	return w
}

func (w *world) any() *proc { return w.living[w.random.IntN(len(w.living))] }

// step lets one thing happen.
func (w *world) step() {
	p := w.any()
	w.lose = !w.exact && w.random.IntN(10) == 0
	switch n := w.random.IntN(100); {
	case n < 30 && len(w.living) < 60:
		creator, parent := p, p
		if p.parent != nil && !p.parent.dead && w.random.IntN(8) == 0 {
			parent = p.parent // CLONE_PARENT
		}
		child, e := w.clone(creator, parent)
		w.living = append(w.living, child)
		w.check(e, child, nil)
	case n < 65:
		before := *p
		names := []string{"/bin/sh", "/bin/ls", "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/bin/tmux"}
		e := w.exec(p, names[w.random.IntN(len(names))], fmt.Sprint(p.pid, p.start, p.execID))
		w.enter(p)
		w.check(e, p, &before)
	case n < 75:
		if p.session != p && p.group != p {
			w.setsid(p)
			p.tty = []events.TTY{{}, {}, pts, vt, serial, console}[w.random.IntN(6)]
		}
	case n < 85: // setpgid: to a group of its own, or to that of another in the session
		if p.session == p {
			break
		}
		p.group = p
		if q := w.any(); q.session == p.session {
			p.group = q.group
		}
	case p != w.init:
		e := w.exit(p)
		w.living = slices.DeleteFunc(w.living, func(q *proc) bool { return q == p })
		w.check(e, p, nil)
	}
}

// enter follows where a session was entered, after p executed.
func (w *world) enter(p *proc) {
	sshd := func(p *proc) bool { return p.exe == "/usr/sbin/sshd" || p.exe == "/usr/lib/openssh/sshd-session" }
	if p == w.init || p.session != p || w.lose {
		return
	}
	as := func(typ string) { p.entry, p.entryType = p, typ }
	switch {
	case p.parent == w.init && p.entry == w.init:
		as(entryInit)
	case sshd(p.parent) && !sshd(p):
		as(entrySSHD)
	case p.tty == console:
		as(entryConsole)
	case p.tty == vt || p.tty == serial:
		as(entryTerminal)
	case p.tty == pts && p.entry != p && !p.entry.tty.Known && p.entry.entryType == entryInit:
		as(entryTerminal)
	}
}

func (w *world) check(e *events.Event, p, before *proc) {
	w.t.Helper()
	if w.lose {
		return
	}
	f := &e.Family
	if !w.exact {
		w.checkTrue(e, p, before)
		return
	}
	w.shows("process", e.Process, p, p.packed())
	if e.Process.Executable.Name != p.exe {
		w.t.Errorf("process: got %s, want %s", e.Process.Executable.Name, p.exe)
	}
	w.shows("group leader", f.GroupLeader, p.group, p.group.packed())
	w.shows("session leader", f.SessionLeader, p.session, p.session.packed())
	w.shows("entry leader", f.EntryLeader, p.entry, p.entry.packed())
	if f.EntryLeader != nil && f.EntryLeader.EntryMeta.Type != p.entry.entryType {
		w.t.Errorf("%v entered as %q, want %q", p, f.EntryLeader.EntryMeta.Type, p.entry.entryType)
	}
	if p.parent != nil {
		w.shows("parent", f.Parent, p.parent, p.parent.packed())
	}
	if before != nil {
		w.shows("image before", f.Previous, before, before.packed())
	}
}

// checkTrue wants what is shown to be true, though not everything need be shown.
func (w *world) checkTrue(e *events.Event, p, before *proc) {
	w.t.Helper()
	f := &e.Family
	if got := e.Process.Args.Packed; got != "" && got != p.packed() || e.Process.EntityID != entityOf(p.pid, p.start) {
		w.t.Errorf("process: got %s with %q, want %v with %q", e.Process.EntityID, got, p, p.packed())
	}
	if got := e.Process.Executable.Name; got != "" && got != p.exe {
		w.t.Errorf("process: got %s, want %s", got, p.exe)
	}
	if p.parent != nil && f.Parent.EntityID != entityOf(p.parent.pid, p.parent.start) {
		w.t.Errorf("parent: got %+v, want %v", f.Parent, p.parent)
	}
	if got := f.Previous; got != nil && (before == nil || got.Args.Packed != "" && got.Args.Packed != before.packed() || got.Executable.Name != before.exe) {
		w.t.Errorf("image before: got %+v, want %+v", got, before)
	}
	if f.EntryLeader == nil || f.EntryLeader.EntryMeta.Type == "" {
		w.t.Errorf("%v entered through %+v", p, f.EntryLeader)
	}
}

// What the table says is what is: of every process, its relatives and its image.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		w := newWorld(t, seed, roomy, true)
		w.run(2000)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if s := w.table.Stats(); s.Evicted != 0 || s.Unknown != 0 {
			t.Fatalf("seed %d: %+v", seed, s)
		}
	}
}

// With a tenth of the events lost, and room for a few processes only, the table
// says less and nothing that is false.
func TestModelLossy(t *testing.T) {
	t.Parallel()
	var evicted uint64
	for seed := range uint64(60) {
		w := newWorld(t, seed, 60_000, false)
		w.run(2000)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		evicted += w.table.Stats().Evicted
	}
	if evicted == 0 {
		t.Error("there was room for all")
	}
}

func (w *world) run(steps int) {
	w.t.Helper()
	for i := range steps {
		w.step()
		if !w.exact && i%7 == 0 || i%50 == 0 || i == steps-1 {
			if err := w.table.invariant(); err != nil {
				w.t.Errorf("after %d steps: %v", i+1, err)
			}
		}
		if w.t.Failed() {
			return
		}
	}
}
