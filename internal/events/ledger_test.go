// SPDX-License-Identifier: Apache-2.0

package events

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

func TestLedgerBalances(t *testing.T) {
	for _, test := range []struct {
		name string
		book func(*Ledger)
		want string // in the error; "" if it adds up
	}{
		{"nothing", func(*Ledger) {}, ""},
		{"delivered", func(l *Ledger) { l.Generated(KindExec, 2); l.Delivered(KindExec, 2) }, ""},
		{"synthesized", func(l *Ledger) { l.Synthesized(KindEventsLost, 1); l.Delivered(KindEventsLost, 1) }, ""},
		{"every way out", func(l *Ledger) {
			l.Generated(KindFork, 6)
			l.Synthesized(KindFork, 4)
			l.Delivered(KindFork, 1)
			l.Filtered(KindFork, 2)
			l.Aggregated(KindFork, 3)
			l.Dropped(ReasonRingFull, KindFork, 3)
			l.Dropped(ReasonShutdown, KindFork, 1)
		}, ""},
		{"one too few", func(l *Ledger) { l.Generated(KindExec, 2); l.Delivered(KindExec, 1) }, "exec: generated 2"},
		{"one too many", func(l *Ledger) {
			l.Generated(KindExit, 1)
			l.Delivered(KindExit, 1)
			l.Dropped(ReasonWrite, KindExit, 1)
		}, "exit: generated 1"},
		{"kinds do not make up for each other", func(l *Ledger) { l.Generated(KindExec, 1); l.Delivered(KindFork, 1) }, "exec: generated 1"},
		{"last kind", func(l *Ledger) { l.Synthesized(KindCount-1, 1) }, (KindCount - 1).String()},
		{"filtered from nowhere", func(l *Ledger) { l.Filtered(KindExec, 1) }, "filtered 1"},
		{"aggregated from nowhere", func(l *Ledger) { l.Aggregated(KindExec, 1) }, "aggregated 1"},
		{"a drop of no known kind", func(l *Ledger) { l.Dropped(ReasonDecode, KindNone, 1) }, "dropped 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l Ledger
			test.book(&l)
			err := l.Read().Check()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

// Each reason has a counter and a name of its own.
func TestLedgerReasons(t *testing.T) {
	var l Ledger
	var total uint64
	names := map[string]bool{}
	for r := range reasonCount {
		n := uint64(r) + 1
		l.Dropped(r, KindExec, n)
		l.Dropped(r, KindExit, 1)
		total += n + 1
		if r.String() == "" || names[r.String()] {
			t.Errorf("reason %d has the name %q", r, r)
		}
		names[r.String()] = true
	}
	b := l.Read()
	for r := range reasonCount {
		if got := b.Dropped[r.String()]["exec"]; got != uint64(r)+1 {
			t.Errorf("dropped for %s: got %d, want %d", r, got, uint64(r)+1)
		}
	}
	if b.Lost() != total || b.LostOf("exit") != uint64(reasonCount) || b.LostOf("fork") != 0 {
		t.Errorf("lost %d in all, %d of exit, %d of fork; want %d, %d, 0", b.Lost(), b.LostOf("exit"), b.LostOf("fork"), total, reasonCount)
	}
}

// The form of --stats is documented: users script it.
func TestBalanceJSON(t *testing.T) {
	var l Ledger
	l.Generated(KindExec, 3)
	l.Delivered(KindExec, 1)
	l.Dropped(ReasonQueueFull, KindExec, 1)
	l.Dropped(ReasonQueueFull, KindFork, 0)
	l.Dropped(ReasonClosed, KindExec, 1)
	const want = `{"generated":{"exec":3},"synthesized":{},"recovered":{},"delivered":{"exec":1},"filtered":{},"aggregated":{},` +
		`"dropped":{"closed":{"exec":1},"queue":{"exec":1}},"spooled":{}}`
	if got := l.Read().String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back Balance
	if err := json.Unmarshal([]byte(want), &back); err != nil || back.Check() != nil {
		t.Errorf("read back: %v, %v", err, back.Check())
	}
}

func TestLedgerConcurrent(t *testing.T) {
	var l Ledger
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				l.Generated(KindExec, 2)
				l.Delivered(KindExec, 1)
				l.Dropped(ReasonRingFull, KindExec, 1)
				l.Read()
			}
		})
	}
	wg.Wait()
	if b := l.Read(); b.Check() != nil || b.Generated["exec"] != 8000 {
		t.Errorf("generated %d, want 8000; check: %v", b.Generated["exec"], b.Check())
	}
}

// What the spool keeps is carried over from one run to the next.
func TestSpooled(t *testing.T) {
	var l Ledger
	l.Recovered(KindExec, 2)
	l.Generated(KindExec, 3)
	l.Spooled(KindExec, 3)
	l.Unspooled(KindExec, 4)
	l.Delivered(KindExec, 3)
	if err := l.Read().Check(); err == nil {
		t.Error("one that has left the spool for nowhere is not missed")
	}
	l.Dropped(ReasonRejected, KindExec, 1)
	b := l.Read()
	if err := b.Check(); err != nil || b.Spooled["exec"] != 1 || b.Recovered["exec"] != 2 {
		t.Errorf("%v: %s", err, b)
	}
}
