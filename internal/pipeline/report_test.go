// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// The sensor tells of itself at each interval and at the end, also where nothing else happens.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var asked int
		r.Report = func() *events.Event {
			asked++
			return &events.Event{Kind: events.KindServing}
		}
		r.ReportEvery = time.Minute
		if err := r.run(t.Context(), func(context.Context, func(*events.Event)) error {
			time.Sleep(2*time.Minute + time.Second)
			return nil
		}); err != nil {
			t.Error(err)
		}
		var after []time.Duration
		for _, e := range r.sink.got {
			after = append(after, e.Time.Sub(r.start).Truncate(time.Second))
		}
		if want := []time.Duration{time.Minute, 2 * time.Minute, 2*time.Minute + time.Second}; asked != 3 || !slices.Equal(after, want) {
			t.Errorf("asked %d times, told after %s, want %s", asked, after, want)
		}
	})
}

// deferring is a sink that accounts for itself.
type deferring struct {
	sink
	ledger *events.Ledger
}

func (*deferring) Defers() {}

func (k *deferring) Write(ctx context.Context, batch []*events.Event) (int, error) {
	for _, e := range batch {
		k.ledger.Spooled(e.Kind, 1)
	}
	return k.sink.Write(ctx, batch)
}

// What a sink keeps is not delivered yet; what it loses later is told in the stream.
func TestDeferring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		k := &deferring{ledger: &r.ledger}
		p := New(r.Options)
		err := p.Run(t.Context(), &Plan{Sources: []events.Source{&source{name: "one", run: func(_ context.Context, emit func(*events.Event)) error {
			emit(r.exec(0))
			emit(r.exec(0))
			time.Sleep(time.Second)
			r.ledger.Unspooled(events.KindExec, 1)
			r.ledger.Dropped(events.ReasonSpoolFull, events.KindExec, 1)
			p.Lost(events.Loss{Kind: events.KindExec, Stage: events.ReasonSpoolFull, CPU: -1, Count: 1})
			time.Sleep(2 * tellAfter)
			return nil
		}}}}, k)
		if err != nil {
			t.Error(err)
		}
		b := r.ledger.Read()
		if err := b.Check(); err != nil || len(b.Delivered) > 0 || b.Spooled["exec"] != 1 || b.Spooled["events_lost"] != 1 {
			t.Errorf("%v: %s", err, b)
		}
		if last := k.got[len(k.got)-1]; last.Loss == nil || last.Loss.Stage != events.ReasonSpoolFull || last.Loss.Count != 1 {
			t.Errorf("the last event is %+v", last)
		}
	})
}

// What was lost before the run is told in it; if there is none, nothing was made that nobody takes.
func TestLostBeforeRun(t *testing.T) {
	for _, runs := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			p := New(r.Options)
			r.ledger.Recovered(events.KindExec, 3)
			r.ledger.Unspooled(events.KindExec, 3)
			r.ledger.Dropped(events.ReasonSpoolDamaged, events.KindExec, 3)
			p.Lost(events.Loss{Kind: events.KindExec, Stage: events.ReasonSpoolDamaged, CPU: -1, Count: 3})
			time.Sleep(2 * tellAfter)
			told := 0
			if runs {
				if err := p.Run(t.Context(), &Plan{Sources: []events.Source{&source{name: "one", run: func(context.Context, func(*events.Event)) error { return nil }}}}, &r.sink); err != nil {
					t.Error(err)
				}
				told = 1
			}
			if err := r.ledger.Read().Check(); err != nil {
				t.Error(err)
			}
			if len(r.sink.got) != told || runs && r.sink.got[0].Loss.Count != 3 {
				t.Errorf("%d events, want %d", len(r.sink.got), told)
			}
		})
	}
}
