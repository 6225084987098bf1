// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"testing"
	"time"

	"sensor/internal/events"
)

func TestLosses(t *testing.T) {
	type beat struct {
		lost, drops uint32
		owner       bool
		missing     uint64 // serials, in all
		fragments   uint64 // more
		want        map[events.Reason]uint64
	}
	const backlog, socket, incomplete = events.ReasonBacklog, events.ReasonSocket, events.ReasonIncomplete
	type told = map[events.Reason]uint64
	for _, test := range []struct {
		name        string
		lost, drops uint32 // at the beginning
		beats       []beat
	}{
		{"nothing", 7, 7, []beat{{7, 7, false, 0, 0, nil}}},
		{"backlog", 7, 0, []beat{{10, 0, true, 0, 0, told{backlog: 3}}, {10, 0, true, 0, 0, nil}, {11, 0, true, 0, 0, told{backlog: 1}}}},
		{"somebody resets the counter", 7, 0, []beat{{2, 0, true, 0, 0, told{backlog: 2}}}},
		{"socket beside a daemon", 0, 5, []beat{{0, 9, false, 0, 0, told{socket: 4}}}},
		{"what a daemon's socket refuses comes again", 0, 5, []beat{{0, 9, true, 0, 0, nil}, {0, 10, false, 0, 0, told{socket: 1}}}},
		{"the socket's counter wraps around", 0, 1<<32 - 1, []beat{{0, 1, false, 0, 0, told{socket: 2}}}},
		{"holes that the kernel explains", 0, 0, []beat{{0, 40, false, 4, 1, told{socket: 40}}}},
		{"what could not be made leaves no holes", 0, 0, []beat{{4, 0, true, 4, 0, told{backlog: 4, incomplete: 4}}}},
		{"but fragments", 0, 0, []beat{{4, 0, true, 0, 4, told{backlog: 4}}, {4, 0, true, 0, 1, told{incomplete: 1}}}},
		{"holes that nobody explains", 0, 0, []beat{{0, 0, true, 4, 1, told{incomplete: 5}}, {0, 0, true, 4, 0, nil}, {0, 0, true, 6, 0, told{incomplete: 2}}}},
		{"more holes than the kernel explains", 0, 0, []beat{{0, 3, false, 4, 1, told{socket: 3, incomplete: 2}}}},
		{"everything", 0, 0, []beat{{3, 2, false, 9, 4, told{backlog: 3, socket: 2, incomplete: 8}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := time.Unix(1_800_000_000, 0)
			var ledger events.Ledger
			l := losses{ledger: &ledger}
			l.begin(at, test.lost, test.drops)
			for i, b := range test.beats {
				before := at
				at = at.Add(time.Second)
				l.fragments += b.fragments
				l.count(at, b.lost, b.drops, b.owner, b.missing)
				got := told{}
				l.tell(func(loss events.Loss) {
					got[loss.Stage] += loss.Count
					if loss.Kind != events.KindNone || loss.CPU != -1 || !loss.First.Equal(before) || !loss.Last.Equal(at) {
						t.Errorf("beat %d: told as %+v", i, loss)
					}
				})
				for _, reason := range []events.Reason{backlog, socket, incomplete} {
					if got[reason] != b.want[reason] {
						t.Errorf("beat %d: %d for %s, want %d", i, got[reason], reason, b.want[reason])
					}
				}
				l.tell(func(loss events.Loss) { t.Errorf("beat %d: told twice: %+v", i, loss) })
			}
			if err := ledger.Read().Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is lost between two beats is told once, with the first and the last time.
func TestLossesGather(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var ledger events.Ledger
	l := losses{ledger: &ledger}
	for i := range 3 {
		l.add(events.ReasonDecode, 1, at.Add(time.Duration(i)), at.Add(time.Duration(i)))
	}
	l.add(events.ReasonSocket, 0, at, at)
	var got []events.Loss
	l.tell(func(loss events.Loss) { got = append(got, loss) })
	want := []events.Loss{{Kind: events.KindNone, Stage: events.ReasonDecode, CPU: -1, Count: 3, First: at, Last: at.Add(2)}}
	if !slices.Equal(got, want) {
		t.Errorf("told %+v, want %+v", got, want)
	}
}
