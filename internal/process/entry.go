// SPDX-License-Identifier: Apache-2.0

package process

import (
	"time"

	"sensor/internal/events"
)

// An entry is one process in the table. Pointers from one entry to another are
// counted, so that a leader outlives its death while it still leads.
type entry struct {
	process                     *events.Process // as last described
	told                        time.Time       // of the event that described it
	group, session, entryLeader *entry
	references                  int // pointers at this entry from others
	size                        int
	dead                        bool
	dropped                     bool // out of the table, kept by references alone
	where                       *list
	before, after               *entry
}

// sizeOf is what a process costs in the table: itself, its entry, and what the
// encoder keeps with it, which holds the arguments twice more and escaped.
func sizeOf(p *events.Process) int {
	const entry, fragment = 200, 700
	return p.Size() + entry + fragment + 3*len(p.Args.Packed)
}

// A dead process is remembered this far behind the last death, for events that come late.
const maxDead = 2048

func (t *Table) add(p *events.Process) *entry {
	if old := t.latest[p.PID]; old != nil {
		t.drop(old) // its pid was given away, so it is long dead
	}
	if p.EntityID == "" {
		p.EntityID = t.entityID(p.PID, p.StartKey)
	}
	e := &entry{process: p, size: sizeOf(p)}
	t.bytes += e.size
	t.latest[p.PID] = e
	t.alive.push(e)
	return e
}

// replace describes a process anew.
func (t *Table) replace(e *entry, p *events.Process) {
	t.bytes -= e.size
	e.process = p
	e.size = sizeOf(p)
	t.bytes += e.size
}

// touch makes a living entry the last to be forgotten. e may be nil.
func (t *Table) touch(e *entry) {
	if e != nil && e.where == &t.alive {
		t.alive.remove(e)
		t.alive.push(e)
	}
}

// point sets one of an entry's pointers.
func (t *Table) point(at **entry, to *entry) {
	from := *at
	if from == to {
		return
	}
	*at = to
	if to != nil {
		to.references++
	}
	if from != nil {
		from.references--
		t.release(from)
	}
}

// pointAtLeader points at a group's or session's leader. The kernel does not
// give away a pid that still names a group or a session, so whoever had the pid
// last is the leader, also after his death, and also if the table forgot him.
func (t *Table) pointAtLeader(at **entry, pid uint32) {
	if pid == 0 { // unknown, or a thread of the kernel, which never had one
		return
	}
	if leader := t.latest[pid]; leader != nil || *at == nil || (*at).process.PID != pid {
		t.point(at, leader)
	}
}

// bury marks a process dead. Its own pointers are let go, but for what a late event would ask for.
func (t *Table) bury(e *entry) {
	if e.dead {
		return
	}
	e.dead = true
	t.alive.remove(e)
	t.dead.push(e)
	for n := 0; t.dead.length > maxDead && n < 8; n++ {
		first := t.dead.first
		if !first.leadsOthers() {
			t.drop(first)
			continue
		}
		t.dead.remove(first) // still leads somebody
		t.dead.push(first)
	}
}

// leadsOthers reports whether any entry but itself points at the entry.
func (e *entry) leadsOthers() bool {
	others := e.references
	for _, to := range [...]*entry{e.group, e.session, e.entryLeader} {
		if to == e {
			others--
		}
	}
	return others > 0
}

// drop takes an entry out of the table. What still points at it keeps it, out of reach by pid.
func (t *Table) drop(e *entry) {
	if e.dropped {
		return
	}
	e.dropped = true
	e.where.remove(e)
	if t.latest[e.process.PID] == e {
		delete(t.latest, e.process.PID)
	}
	t.point(&e.group, nil)
	t.point(&e.session, nil)
	t.point(&e.entryLeader, nil)
	t.release(e)
}

// release gives back the bytes of an entry that nothing can reach any more.
func (t *Table) release(e *entry) {
	if e.dropped && e.references == 0 {
		t.bytes -= e.size
		e.size = 0
	}
}

// shrink forgets until the table fits: the dead first, then who was not seen longest.
func (t *Table) shrink() {
	for t.bytes > t.maxBytes {
		victim := t.dead.first
		if victim == nil {
			victim = t.alive.first
		}
		if victim == nil || victim == t.alive.last {
			return
		}
		if !victim.dead || victim.leadsOthers() {
			t.stats.Evicted++
		}
		t.drop(victim)
	}
}

// A list is a queue of entries from which any can be taken out.
type list struct {
	first, last *entry
	length      int
}

func (l *list) push(e *entry) {
	e.where, e.before, e.after = l, l.last, nil
	if l.last != nil {
		l.last.after = e
	} else {
		l.first = e
	}
	l.last = e
	l.length++
}

func (l *list) remove(e *entry) {
	if e.where != l {
		return
	}
	if e.before != nil {
		e.before.after = e.after
	} else {
		l.first = e.after
	}
	if e.after != nil {
		e.after.before = e.before
	} else {
		l.last = e.before
	}
	e.where, e.before, e.after = nil, nil, nil
	l.length--
}
