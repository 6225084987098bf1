// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// source is a fake one.
type source struct {
	name   string
	run    func(ctx context.Context, emit func(*events.Event)) error
	takes  []events.Kind
	asked  []events.Kind
	reason error
	closed int
	fault  error // of Close
}

func (s *source) Name() string { return s.name }

func (s *source) Open(want []events.Kind) ([]events.Kind, error) {
	s.asked = want
	return slices.DeleteFunc(slices.Clone(want), func(k events.Kind) bool { return !slices.Contains(s.takes, k) }), s.reason
}

func (s *source) Run(ctx context.Context, emit func(*events.Event)) error { return s.run(ctx, emit) }

func (s *source) Close() error {
	s.closed++
	return s.fault
}

// sink keeps what it takes. Its fields are the writer's while a pipeline runs.
type sink struct {
	got   []*events.Event
	sizes []int // of the batches that it was offered
	// write says how many of a batch to take, and what is wrong; nil takes all.
	write func(ctx context.Context, batch []*events.Event) (int, error)
}

func (s *sink) Name() string { return "fake" }

func (s *sink) Write(ctx context.Context, batch []*events.Event) (n int, err error) {
	s.sizes = append(s.sizes, len(batch))
	n = len(batch)
	if s.write != nil {
		n, err = s.write(ctx, batch)
	}
	s.got = append(s.got, batch[:n]...)
	return n, err
}

func (s *sink) Close(context.Context) error { return nil }

// stoppable is a sink that takes nothing while it is stopped.
type stoppable struct{ opened chan struct{} }

func newStoppable() *stoppable { return &stoppable{opened: make(chan struct{})} }

func (s *stoppable) open() { close(s.opened) }

func (s *stoppable) write(ctx context.Context, batch []*events.Event) (int, error) {
	select {
	case <-s.opened:
		return len(batch), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// rig is a pipeline under test. Use it in a bubble.
type rig struct {
	t      *testing.T
	ledger events.Ledger
	sink   sink
	log    bytes.Buffer
	start  time.Time
	Options
}

const grace = 5 * time.Second

func newRig(t *testing.T) *rig {
	r := &rig{t: t, start: time.Now()}
	r.Options = Options{
		Log: slog.New(slog.NewTextHandler(&r.log, nil)), Ledger: &r.ledger, IDs: events.NewIDs("boot", "sensor"),
		Wanted:      func(*events.Event) bool { return true },
		QueueEvents: 1 << 16, QueueBytes: 1 << 40, Grace: grace,
	}
	return r
}

// exec is an event of a source, generated this long after the start.
func (r *rig) exec(after time.Duration) *events.Event {
	r.ledger.Generated(events.KindExec, 1)
	return &events.Event{Kind: events.KindExec, Time: r.start.Add(after)}
}

// run runs the pipeline with one source, then checks what must hold after every run.
func (r *rig) run(ctx context.Context, run func(ctx context.Context, emit func(*events.Event)) error) error {
	r.t.Helper()
	return r.runAll(ctx, &source{name: "one", run: run})
}

func (r *rig) runAll(ctx context.Context, sources ...events.Source) error {
	r.t.Helper()
	err := New(r.Options).Run(ctx, &Plan{Sources: sources}, &r.sink)
	synctest.Wait()
	r.check()
	return err
}

func (r *rig) check() {
	r.t.Helper()
	b := r.ledger.Read()
	if err := b.Check(); err != nil {
		r.t.Error(err)
	}
	got := map[string]uint64{}
	ids := map[events.ID]bool{}
	var last uint64
	for _, e := range r.sink.got {
		got[e.Kind.String()]++
		if e.Sequence <= last {
			r.t.Errorf("sequence %d came after %d", e.Sequence, last)
		}
		last = e.Sequence
		if e.ID == (events.ID{}) || ids[e.ID] {
			r.t.Errorf("event %d has the ID %s of another", e.Sequence, e.ID)
		}
		ids[e.ID] = true
		if e.Created.IsZero() {
			r.t.Errorf("event %d was never created", e.Sequence)
		}
	}
	if want, have := fmt.Sprint(b.Delivered), fmt.Sprint(got); have != want {
		r.t.Errorf("the sink got %s, delivered are %s", have, want)
	}
	if slices.Max(append(r.sink.sizes, 0)) > batchEvents || slices.Contains(r.sink.sizes, 0) {
		r.t.Errorf("batches of %d events", r.sink.sizes)
	}
}

// want compares the ledger with counts such as "generated exec 3, dropped queue exec 1".
func (r *rig) want(counts string) {
	r.t.Helper()
	b := r.ledger.Read()
	var have []string
	list := func(what string, by map[string]uint64) {
		for _, k := range events.Kinds() {
			if n := by[k.String()]; n > 0 {
				have = append(have, fmt.Sprintf("%s %s %d", what, k, n))
			}
		}
	}
	list("generated", b.Generated)
	list("synthesized", b.Synthesized)
	list("delivered", b.Delivered)
	list("filtered", b.Filtered)
	for _, reason := range []string{"queue", "write", "closed", "shutdown"} {
		list("dropped "+reason, b.Dropped[reason])
	}
	if got := strings.Join(have, ", "); got != counts {
		r.t.Errorf("got  %s\nwant %s", got, counts)
	}
}

// losses gives the events_lost that were delivered.
func (r *rig) losses() []events.Loss {
	var losses []events.Loss
	for _, e := range r.sink.got {
		if e.Kind == events.KindEventsLost {
			losses = append(losses, *e.Loss)
		}
	}
	return losses
}

// told wants exactly one loss to have been told, with times since the start.
func (r *rig) told(stage events.Reason, count uint64, first, last time.Duration) {
	r.t.Helper()
	want := events.Loss{Kind: events.KindExec, Stage: stage, CPU: -1, Count: count, First: r.start.Add(first), Last: r.start.Add(last)}
	if got := r.losses(); len(got) != 1 || got[0] != want {
		r.t.Errorf("told %+v, want %+v", got, want)
	}
}
