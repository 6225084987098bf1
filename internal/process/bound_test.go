// SPDX-License-Identifier: Apache-2.0

package process

import (
	"strings"
	"testing"

	"sensor/internal/events"
)

// bare makes an event without the kernel of the tests, which counts its processes one by one.
func bare(kind events.Kind, pid, parent uint32, start, parentStart uint64) *events.Event {
	return &events.Event{Kind: kind, Process: &events.Process{
		PID: pid, StartKey: start, HasExecID: true, Executable: events.Path{Name: "/bin/bomb"}, Name: "bomb",
		ParentPID: parent, ParentStartKey: parentStart, CreatorPID: parent, CreatorStartKey: parentStart,
		GroupLeaderPID: 500, SessionPID: 500,
	}}
}

// bombed is a table with a shell that leads everything that is to come.
func bombed(t *testing.T, maxBytes int) *Table {
	table := NewTable(hostID, bootID, maxBytes)
	table.Enrich(bare(events.KindAlreadyRunning, 1, 0, 5, 0))
	shell := bare(events.KindExec, 500, 1, 7, 5)
	shell.Process.Args = events.Args{Packed: "/bin/bash\x00" + strings.Repeat("x", 1000) + "\x00", Count: 2}
	table.Enrich(shell)
	check(t, table)
	return table
}

func check(t *testing.T, table *Table) {
	t.Helper()
	if err := table.invariant(); err != nil {
		t.Fatal(err)
	}
}

const million = 1_000_000

// A shell that starts a million commands one after the other.
func TestMillionCommands(t *testing.T) {
	t.Parallel()
	table := bombed(t, 1<<20)
	peak := 0
	for i := range uint64(million) {
		pid, start := uint32(1000+i%30000), 1000+i
		fork := bare(events.KindFork, pid, 500, start, 7)
		table.Enrich(fork)
		if parent := fork.Family.Parent; parent.EntityID != table.entityID(500, 7) || parent.Args.Packed == "" || fork.Process.Args.Packed != parent.Args.Packed {
			t.Fatalf("fork %d: parent %+v", i, parent)
		}
		exit := bare(events.KindExit, pid, 500, start, 7)
		table.Enrich(exit)
		if leader := exit.Family.EntryLeader; leader == nil || leader.PID != 500 {
			t.Fatalf("exit %d: entry leader %+v", i, leader)
		}
		peak = max(peak, table.bytes)
		if i%50_000 == 0 {
			check(t, table)
		}
	}
	check(t, table)
	if s := table.Stats(); s.Evicted != 0 || s.Unknown != 0 || peak > 1<<20 {
		t.Errorf("%+v, at most %d bytes: who is dead and leads nobody is no loss", s, peak)
	}
}

// A fork bomb: nobody ends, everybody forks.
func TestForkBomb(t *testing.T) {
	t.Parallel()
	const n = million / 4
	table := bombed(t, 1<<20)
	for i := range uint64(n) {
		parent, parentStart := uint32(500), uint64(7)
		if i > 1 {
			parent, parentStart = uint32(1000+i/2), 1000+i/2
		}
		fork := bare(events.KindFork, uint32(1000+i), parent, 1000+i, parentStart)
		table.Enrich(fork)
		f := &fork.Family
		if f.Parent == nil || f.Parent.EntityID != table.entityID(parent, parentStart) {
			t.Fatalf("fork %d: parent %+v", i, f.Parent)
		}
		// Everybody refers to the shell, so it is the last to be forgotten.
		for _, leader := range []*events.Process{f.EntryLeader, f.GroupLeader, f.SessionLeader} {
			if leader == nil || leader.EntityID != table.entityID(500, 7) || leader.Args.Packed == "" {
				t.Fatalf("fork %d: led by %+v", i, leader)
			}
		}
		if table.bytes > table.maxBytes {
			t.Fatalf("fork %d: %d bytes", i, table.bytes)
		}
		if i%50_000 == 0 {
			check(t, table)
		}
	}
	check(t, table)
	s := table.Stats()
	if s.Processes+int(s.Evicted) != n+2 || s.Bytes != table.bytes || s.Bytes < table.maxBytes/2 {
		t.Errorf("%+v of %d processes", s, n+2)
	}
}

// Sessions upon sessions, each entered through the one before, that all die or all live.
func TestSessionBomb(t *testing.T) {
	for _, die := range []bool{false, true} {
		table := bombed(t, 1<<20)
		const n = 100_000
		for i := range uint64(n) {
			pid, start := uint32(1000+i), 1000+i
			e := bare(events.KindExec, pid, pid-1, start, start-1)
			e.Process.SessionPID, e.Process.GroupLeaderPID = pid, pid
			e.Process.TTY = pts
			e.Process.Args.Packed = strings.Repeat("y", int(i%2000))
			table.Enrich(e)
			if table.bytes > table.maxBytes {
				t.Fatalf("session %d: %d bytes", i, table.bytes)
			}
			if die {
				table.Enrich(bare(events.KindExit, pid, pid-1, start, start-1))
			}
			if i%1000 == 0 {
				check(t, table)
			}
		}
		check(t, table)
		if s := table.Stats(); s.Processes > 600 || s.Bytes < 1<<19 {
			t.Errorf("die %v: %+v", die, s)
		}
	}
}

// The largest processes there are in the smallest table that is allowed.
func TestLargeProcesses(t *testing.T) {
	const smallest = 1 << 20
	table := bombed(t, smallest)
	for i := range uint64(2000) {
		e := bare(events.KindExec, uint32(1000+i), 500, 1000+i, 7)
		e.Process.Args.Packed = strings.Repeat("a", 64<<10)
		table.Enrich(e)
		check(t, table)
		if e.Family.Parent == nil || e.Family.Parent.Args.Packed == "" {
			t.Fatalf("exec %d: the shell is forgotten", i)
		}
	}
}

// One process that executes for ever is one process.
func TestExecLoop(t *testing.T) {
	table := bombed(t, 1<<20)
	var bytes int
	for i := range uint64(100_000) {
		e := bare(events.KindExec, 1000, 500, 1000, 7)
		e.Process.ExecID = i
		table.Enrich(e)
		if i > 0 && e.Family.Previous == nil {
			t.Fatalf("exec %d: no image before", i)
		}
		if i == 0 {
			bytes = table.bytes
		}
	}
	check(t, table)
	if s := table.Stats(); s.Bytes != bytes || s.Processes != 3 || s.Evicted != 0 {
		t.Errorf("%+v, at first %d bytes", s, bytes)
	}
}
