// SPDX-License-Identifier: Apache-2.0

package running

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

type fake struct {
	processes []*events.Process
	err       error
}

func (f fake) All(yield func(*events.Process) bool) error {
	for _, p := range f.processes {
		if !yield(p) {
			return nil
		}
	}
	return f.err
}

func TestEmit(t *testing.T) {
	at := func(ns int64) time.Time { return time.Unix(0, ns).UTC() }
	unreadable := errors.New("unreadable")
	proc := fake{err: unreadable}
	for _, p := range []struct {
		pid   uint32
		start uint64
	}{{9, 20}, {3, 30}, {5, 10}, {2, 10}, {8, 29}} {
		proc.processes = append(proc.processes, &events.Process{PID: p.pid, StartKey: p.start, Start: at(int64(p.start))})
	}
	var ledger events.Ledger
	var pids []uint32
	ids := map[events.ID]bool{}
	err := Emit(proc, 30, "test", events.NewIDs("boot", "test"), &ledger, func(e *events.Event) {
		pids = append(pids, e.Process.PID)
		ids[e.ID] = true
		if e.Kind != events.KindAlreadyRunning || e.Provider != "test" || e.Outcome != events.OutcomeSuccess || !e.Time.Equal(e.Process.Start) {
			t.Errorf("event %+v", e)
		}
	})
	if !errors.Is(err, unreadable) {
		t.Errorf("error %v; want that of All", err)
	}
	if want := []uint32{2, 5, 9, 8}; !slices.Equal(pids, want) || len(ids) != len(want) {
		t.Errorf("told %v with %d ids; want %v", pids, len(ids), want)
	}
	if n := ledger.Read().Synthesized["already_running"]; n != 4 {
		t.Errorf("%d counted as synthesized; want 4", n)
	}
}

// This process is told, after its parent where that is older than a tick.
func TestEmitOfTheHost(t *testing.T) {
	proc, err := snapshot.New(snapshot.Options{})
	if err != nil {
		t.Skip(err)
	}
	var ledger events.Ledger
	var pids []uint32
	err = Emit(proc, ^uint64(0), "test", events.NewIDs("boot", "test"), &ledger, func(e *events.Event) { pids = append(pids, e.Process.PID) })
	if err != nil {
		t.Fatal(err)
	}
	self, parent := slices.Index(pids, uint32(os.Getpid())), slices.Index(pids, uint32(os.Getppid()))
	if self < 0 || parent < 0 || parent > self {
		t.Errorf("this process is number %d and its parent number %d of %d", self, parent, len(pids))
	}
}
