// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sensor/internal/events"
)

// An act is what has happened, and who was told of it.
type act struct {
	event func() *events.Event
	at    time.Duration
	told  [2]bool
	delay [2]time.Duration
}

// Whatever the streams are, every event is counted once: seen = both + only + ruled + undecided.
// As long as all fits and each act is of its own, the counts are those of the acts.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { model(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func model(t *testing.T, random *rand.Rand) {
	distinct, tight := random.IntN(2) == 0, random.IntN(2) == 0
	s := newStreams(t, func(o *Options) {
		if tight {
			o.PendingEvents = 1 + random.IntN(200)
		}
	})
	acts := make([]act, 500)
	for i := range acts {
		pid, port := uint32(2+random.IntN(5)), uint16(1+random.IntN(3))
		if distinct {
			pid, port = uint32(1000+i), uint16(1+i)
		}
		acts[i].event = randomEvent(random, pid, port)
		acts[i].at = time.Duration(random.Int64N(int64(60 * second)))
		acts[i].told = [2]bool{random.IntN(10) > 0, random.IntN(10) > 0}
		acts[i].delay = [2]time.Duration{time.Duration(random.Int64N(int64(second))), time.Duration(random.Int64N(int64(3 * second)))}
	}
	// Each side has its own order, and both come as it happens.
	type message struct {
		side Side
		at   time.Duration
		act  *act
	}
	var messages []message
	for i := range acts {
		for _, side := range []Side{A, B} {
			if acts[i].told[side] {
				messages = append(messages, message{side, acts[i].at + acts[i].delay[side], &acts[i]})
			}
		}
	}
	slices.SortFunc(messages, func(a, b message) int { return int(a.at - b.at) })
	seen := map[string][2]uint64{}
	for _, m := range messages {
		e := m.act.event()
		at := m.act.at
		if m.side == B {
			at = at.Truncate(time.Millisecond)
			e.Process.EntityID = "" // as audit
			if random.IntN(20) == 0 {
				e.Process.Executable.Name = ""
			}
		}
		counts := seen[e.Kind.String()]
		counts[m.side]++
		seen[e.Kind.String()] = counts
		s.add(m.side, at, e)
	}
	r := s.end(100 * second) // checks that all add up
	for _, k := range r.Kinds {
		if counts := seen[k.Kind]; k.A.Seen != counts[A] || k.B.Seen != counts[B] {
			t.Errorf("%s: %v were told, seen %d and %d", k.Kind, counts, k.A.Seen, k.B.Seen)
		}
		delete(seen, k.Kind)
	}
	if len(seen) > 0 {
		t.Errorf("the report lacks %v", seen)
	}
	if !distinct || tight {
		return
	}
	var both uint64
	var only [2]uint64
	for i := range acts {
		switch acts[i].told {
		case [2]bool{true, true}:
			both++
		case [2]bool{true, false}:
			only[A]++
		case [2]bool{false, true}:
			only[B]++
		}
	}
	var got uint64
	var gotOnly [2]uint64
	for _, k := range r.Kinds {
		got += k.Both
		gotOnly[A] += k.A.Only + k.A.Ruled()
		gotOnly[B] += k.B.Only + k.B.Ruled()
	}
	if got != both || gotOnly != only {
		t.Errorf("got %d pairs and alone %v, want %d and %v", got, gotOnly, both, only)
	}
}

func randomEvent(random *rand.Rand, pid uint32, port uint16) func() *events.Event {
	kind := []events.Kind{events.KindExec, events.KindExit, events.KindConnect, events.KindFileWrite}[random.IntN(4)]
	status := uint32(random.IntN(2) * 9)
	return func() *events.Event {
		p := process(pid)
		p.EntityID = fmt.Sprint("entity ", pid)
		e := &events.Event{Kind: kind, Process: p, Outcome: events.OutcomeSuccess}
		switch kind {
		case events.KindExit:
			e.End = &events.End{Status: status}
		case events.KindConnect:
			e.Network = &events.Network{Protocol: 6, Destination: events.Endpoint{Addr: netip.MustParseAddr("192.0.2.1"), Port: port}}
		case events.KindFileWrite:
			e.File = &events.File{Path: events.Path{Name: fmt.Sprint("/f", port)}}
		}
		return e
	}
}
