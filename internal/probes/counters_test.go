// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"reflect"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"sensor/internal/clock"
	"sensor/internal/events"
)

type fakeCounts map[uint32][]processCounters

func (f fakeCounts) Lookup(key, value any) error {
	*value.(*[]processCounters) = append([]processCounters(nil), f[key.(uint32)]...)
	return nil
}

type fakeEpoch struct{ value uint32 }

func (f *fakeEpoch) Set(value any) error {
	f.value = value.(uint32)
	return nil
}

type fakeProgram struct {
	name   string
	missed uint64
}

func (f *fakeProgram) String() string { return f.name }
func (f *fakeProgram) Stats() (*ebpf.ProgramStats, error) {
	return &ebpf.ProgramStats{RecursionMisses: f.missed}, nil
}

// TestCounters reads counters that move on two CPUs, with a program that the
// kernel skipped: a skipped program counts nothing, so both sides get it.
func TestCounters(t *testing.T) {
	const exec = events.KindExec
	ledger := &events.Ledger{}
	clock := &clock.Clock{}
	counts := fakeCounts{uint32(exec): make([]processCounters, 2)}
	epoch := &fakeEpoch{}
	a, b := &fakeProgram{name: "a"}, &fakeProgram{name: "b"}
	c := &counters{
		counts: counts, epoch: epoch,
		programs: map[events.Kind][]runCounter{exec: {a, b}},
		seen:     map[events.Kind][]processCounters{}, recursion: map[events.Kind]map[string]uint64{},
	}
	read := func(want ...events.Loss) {
		t.Helper()
		got, err := c.read(ledger, clock)
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("losses are %+v, want %+v", got, want)
		}
	}
	at := func(ns uint64) time.Time { return clock.Wall(ns) }

	read()
	cpus := counts[uint32(exec)]
	cpus[0].Generated, cpus[1].Generated = 10, 5
	read()
	cpus[0] = processCounters{Generated: 20, DroppedRingFull: 3, FirstDrop: 100, LastDrop: 200, Truncated: 2}
	cpus[1] = processCounters{Generated: 6, DroppedScratchBusy: 1, FirstDrop: 300, LastDrop: 300}
	a.missed, b.missed = 4, 1
	read(
		events.Loss{Kind: exec, Stage: events.ReasonRecursion, CPU: -1, Count: 5},
		events.Loss{Kind: exec, Stage: events.ReasonRingFull, CPU: 0, Count: 3, First: at(100), Last: at(200)},
		events.Loss{Kind: exec, Stage: events.ReasonScratchBusy, CPU: 1, Count: 1, First: at(300), Last: at(300)},
	)
	read() // nothing is told twice
	if sent := c.sent(exec); sent != 22 {
		t.Errorf("%d records were sent, want 22", sent)
	}
	if epoch.value != 4 || c.truncated != 2 {
		t.Errorf("epoch %d, truncated %d", epoch.value, c.truncated)
	}
	ledger.Delivered(exec, c.sent(exec))
	if err := ledger.Read().Check(); err != nil {
		t.Error(err)
	}
}

// TestCountersOfBulk reads what only bulk kinds count: events told by one that
// went before, which is no loss, and those for which there was no room.
func TestCountersOfBulk(t *testing.T) {
	const connect, closed = events.KindConnect, events.KindClose
	ledger := &events.Ledger{}
	clock := &clock.Clock{}
	counts := fakeCounts{
		uint32(connect): {{Generated: 10, Aggregated: 4}, {Generated: 2}},
		uint32(closed):  {{}, {Generated: 5, DroppedMapFull: 2, DroppedRingFull: 1, FirstDrop: 100, LastDrop: 200}},
	}
	c := &counters{
		counts: counts, epoch: &fakeEpoch{},
		programs: map[events.Kind][]runCounter{connect: nil, closed: nil}, // they may have no programs of their own
		seen:     map[events.Kind][]processCounters{}, recursion: map[events.Kind]map[string]uint64{},
	}
	read := func(want ...events.Loss) {
		t.Helper()
		got, err := c.read(ledger, clock)
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("losses are %+v, want %+v", got, want)
		}
	}
	loss := func(stage events.Reason, cpu int, count, first, last uint64) events.Loss {
		return events.Loss{Kind: closed, Stage: stage, CPU: cpu, Count: count, First: clock.Wall(first), Last: clock.Wall(last)}
	}
	read(loss(events.ReasonRingFull, 1, 1, 100, 200), loss(events.ReasonMapFull, 1, 2, 100, 200))
	counts[uint32(connect)][1] = processCounters{Generated: 7, Aggregated: 5}
	counts[uint32(closed)][0] = processCounters{Generated: 3, DroppedMapFull: 3, FirstDrop: 300, LastDrop: 400}
	read(loss(events.ReasonMapFull, 0, 3, 300, 400))
	read() // nothing is told twice
	if got, want := [2]uint64{c.sent(connect), c.sent(closed)}, [2]uint64{8, 2}; got != want {
		t.Errorf("%d records were sent, want %d", got, want)
	}
	ledger.Delivered(connect, c.sent(connect))
	ledger.Delivered(closed, c.sent(closed))
	balance := ledger.Read()
	if err := balance.Check(); err != nil {
		t.Error(err)
	}
	if got := balance.Aggregated; !reflect.DeepEqual(got, map[string]uint64{"connect": 9}) {
		t.Errorf("aggregated %v", got)
	}
	if got, want := balance.Dropped["map"], map[string]uint64{"close": 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("dropped for want of room %v, want %v", got, want)
	}
}
