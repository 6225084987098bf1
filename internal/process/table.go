// SPDX-License-Identifier: Apache-2.0

// Package process keeps the table of processes: who is who, who descends from
// whom, and with which image, whatever source an event came from.
package process

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"sensor/internal/events"
)

// Table follows processes from event to event and completes each event's
// process and its relatives. It implements [events.Enricher] and is for one
// goroutine: the events must come in the order in which they happened.
type Table struct {
	idPrefix string // host.id|boot_id|
	maxBytes int

	latest map[uint32]*entry // by pid
	alive  list              // least recently seen first
	dead   list              // first to die first
	bytes  int
	stats  Stats

	unattributed [events.KindCount]uint64
}

// Stats of a table.
type Stats struct {
	Processes int    `json:"processes"` // known, alive or recently dead
	Bytes     int    `json:"bytes"`     // kept, roughly
	Evicted   uint64 `json:"evicted"`   // forgotten for want of room while they lived or were still referred to
	Unknown   uint64 `json:"unknown"`   // events whose process was not in the table when it should have been
}

// NewTable makes a table that keeps about maxBytes. hostID and bootID go into
// every entity id.
func NewTable(hostID, bootID string, maxBytes int) *Table {
	return &Table{
		idPrefix: hostID + "|" + bootID + "|",
		maxBytes: maxBytes,
		latest:   map[uint32]*entry{},
	}
}

// Stats reads the table's counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Processes = len(t.latest)
	s.Bytes = t.bytes
	return s
}

// Unattributed counts by kind the events of which nobody knows whose they are.
func (t *Table) Unattributed() map[string]uint64 {
	counts := map[string]uint64{}
	for kind, n := range t.unattributed {
		if n > 0 {
			counts[events.Kind(kind).String()] = n
		}
	}
	return counts
}

// Enrich implements [events.Enricher].
func (t *Table) Enrich(e *events.Event) {
	p := e.Process
	if p == nil {
		if e.Network != nil || e.Local != nil {
			t.unattributed[e.Kind]++
		}
		return
	}
	if e.Kind.Traits().Category != "process" {
		t.attribute(e)
		return
	}
	known := t.sameLife(e, t.find(p.PID, p.StartKey))
	if known != nil && e.Kind == events.KindFork && known.process.StartKey == 0 {
		t.lateFork(known, e)
		return
	}
	switch e.Kind {
	case events.KindFork:
		t.inherit(p, t.find(p.CreatorPID, p.CreatorStartKey))
	case events.KindExec:
		if known != nil && succeeds(p, known.process) {
			e.Family.Previous = known.process
		}
		if known != nil && p.ParentPID == 0 { // it was gone when its source looked at it
			descend(p, known.process)
		}
	case events.KindExit, events.KindExecFailed, events.KindUIDChange, events.KindGIDChange, events.KindSessionIDChange:
		if known == nil {
			t.stats.Unknown++
			p.NoMemory = p.KernelThread // when a process exits, its memory may be gone already
		} else {
			if p.ParentPID == 0 { // likewise
				complete(p, known.process)
			}
			p.NoMemory = known.process.NoMemory
		}
		t.inherit(p, known)
	}
	if known == nil {
		known = t.add(p)
	} else {
		t.identify(p, known.process)
		p.EntryMeta = known.process.EntryMeta
		t.replace(known, p)
	}
	known.told = e.Time
	t.relate(known, e)
	if e.Kind == events.KindExit {
		t.bury(known)
	}
	t.shrink()
}

// identify makes p the process that is known already: the same in every event,
// however exactly its source knows the start.
func (t *Table) identify(p, known *events.Process) {
	if known.StartKey == 0 { // perhaps known from now on
		p.EntityID = t.entityID(p.PID, p.StartKey)
		return
	}
	p.Start, p.EntityID = known.Start, known.EntityID
	if p.StartKey%tick == 0 {
		p.StartKey = known.StartKey
	}
}

// succeeds reports whether the image of p came right after the image before: no exec was lost between.
func succeeds(p, before *events.Process) bool {
	return !p.HasExecID || !before.HasExecID || p.ExecID == before.ExecID+1
}

// sameImage reports whether p runs the image that was described before. Without
// an exec id only the executable can tell that an exec was lost.
func sameImage(p, before *events.Process) bool {
	if p.HasExecID && before.HasExecID {
		return p.ExecID == before.ExecID
	}
	return p.Executable.Name == "" || before.Executable.Name == "" || p.Executable.Name == before.Executable.Name
}

// inherit gives p the image of another entry, if that is still the image that p runs.
func (t *Table) inherit(p *events.Process, from *entry) {
	if from == nil || !sameImage(p, from.process) {
		return
	}
	image := from.process
	p.Args, p.Filename, p.Script, p.Env, p.Redacted = image.Args, image.Filename, image.Script, image.Env, image.Redacted
	// What the kernel says at an exit depends on its version: the memory is gone
	// by then before Linux 6.16, and after it the path is as it is then.
	if image.Executable.Name != "" {
		p.Executable = image.Executable
		p.Name = image.Name
	}
}

// relate looks up the relatives of a process, which is in the table.
func (t *Table) relate(of *entry, e *events.Event) {
	p := of.process
	parent := t.find(p.ParentPID, p.ParentStartKey)
	origin := parent // whose group, session and entry leader are p's own at first
	if e.Kind == events.KindFork {
		if creator := t.find(p.CreatorPID, p.CreatorStartKey); creator != nil {
			origin = creator
		}
		if origin != nil {
			t.point(&of.group, origin.group)
			t.point(&of.session, origin.session)
		}
	}
	t.pointAtLeader(&of.group, p.GroupLeaderPID)
	t.pointAtLeader(&of.session, p.SessionPID)
	if e.Kind != events.KindExit || of.entryLeader == nil {
		t.point(&of.entryLeader, t.entryLeader(of, parent, origin))
	}
	t.show(of, e)
}

// show enters the relatives that a process has in the table into an event.
func (t *Table) show(of *entry, e *events.Event) {
	p := of.process
	parent := t.find(p.ParentPID, p.ParentStartKey)
	for _, used := range [...]*entry{parent, of.group, of.session, of.entryLeader, of} {
		t.touch(used)
	}
	f := &e.Family
	switch {
	case parent != nil:
		f.Parent = parent.process
	case p.ParentPID != 0:
		f.Parent = t.stranger(p)
	}
	f.GroupLeader = processOf(of.group)
	f.SessionLeader = processOf(of.session)
	f.EntryLeader = processOf(of.entryLeader)
	if f.EntryLeader != nil {
		f.EntryParent = processOf(t.find(f.EntryLeader.ParentPID, f.EntryLeader.ParentStartKey))
	}
}

// stranger is a parent of which nothing but the pid, and perhaps the start, is known.
func (t *Table) stranger(child *events.Process) *events.Process {
	return &events.Process{
		PID: child.ParentPID, StartKey: child.ParentStartKey, EntityID: t.entityID(child.ParentPID, child.ParentStartKey),
	}
}

func processOf(e *entry) *events.Process {
	if e == nil {
		return nil
	}
	return e.process
}

// find gives the process with that pid that started then, or nil. A start of 0 is unknown and matches any.
func (t *Table) find(pid uint32, start uint64) *entry {
	e := t.latest[pid]
	if e == nil || start != 0 && e.process.StartKey != 0 && !sameStart(start, e.process.StartKey) {
		return nil
	}
	return e
}

const tick = events.StartTick

// sameStart compares start times, of which either may be known only to the tick.
func sameStart(a, b uint64) bool {
	return a == b || (a%tick == 0 || b%tick == 0) && a/tick == b/tick
}

// entityID identifies a process on this host in this boot; "" if the start is unknown.
func (t *Table) entityID(pid uint32, start uint64) string {
	if start == 0 && pid > 2 {
		return ""
	}
	b := make([]byte, 0, 128)
	b = append(b, t.idPrefix...)
	b = strconv.AppendUint(b, uint64(pid), 10)
	b = append(b, '|')
	b = strconv.AppendUint(b, start/tick, 10)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
