// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

type enricher func(*events.Event)

func (f enricher) Enrich(e *events.Event) { f(e) }

func TestDelivered(t *testing.T) {
	for _, n := range []int{0, 1, batchEvents - 1, batchEvents, batchEvents + 1, 5000} {
		for _, pause := range []time.Duration{0, time.Millisecond} {
			t.Run(fmt.Sprintf("%d, %v apart", n, pause), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
						for range n {
							emit(r.exec(time.Since(r.start)))
							time.Sleep(pause)
						}
						return nil
					})
					if err != nil || len(r.sink.got) != n {
						t.Errorf("got %d of %d, error %v", len(r.sink.got), n, err)
					}
					for i, e := range r.sink.got {
						if e.Sequence != uint64(i)+1 || !e.Created.Equal(e.Time) {
							t.Fatalf("event %d has the number %d and was created %v after it happened", i, e.Sequence, e.Created.Sub(e.Time))
						}
					}
				})
			})
		}
	}
}

// Until its context ends the pipeline waits, however little happens; then it
// takes what the source still has, and does not linger over it.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := r.run(ctx, func(ctx context.Context, emit func(*events.Event)) error {
			<-ctx.Done()
			for range 10 {
				emit(r.exec(0))
			}
			return nil
		})
		if d := time.Since(r.start); err != nil || d != time.Hour {
			t.Errorf("error %v after %v", err, d)
		}
		r.want("generated exec 10, delivered exec 10")
	})
}

// An event reaches the sink soon also when no other follows it.
func TestPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			for range 3 {
				emit(r.exec(0))
				time.Sleep(linger)
				synctest.Wait()
			}
			if n := len(r.sink.got); n != 3 {
				t.Errorf("the sink has %d events, want 3", n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestNoSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := newRig(t).runAll(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Enrichers = []events.Enricher{
			enricher(func(e *events.Event) { e.Provider += "a" }),
			enricher(func(e *events.Event) { e.Provider += "b" }),
		}
		r.Wanted = func(e *events.Event) bool {
			if !strings.HasSuffix(e.Provider, "ab") {
				t.Errorf("enriched as %q, want ab", e.Provider)
			}
			return e.Kind != events.KindFork
		}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			for range 10 {
				r.ledger.Generated(events.KindFork, 1)
				emit(&events.Event{Kind: events.KindFork})
				emit(r.exec(0))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.want("generated exec 10, generated fork 10, delivered exec 10, filtered fork 10")
		if last := r.sink.got[9]; last.Sequence != 10 {
			t.Errorf("the tenth has the number %d", last.Sequence)
		}
	})
}

// A source's own IDs stay; what comes without one gets one.
func TestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ids := events.NewIDs("boot", "one")
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			for i := range 100 {
				e := r.exec(0)
				if i%2 == 0 {
					e.ID = ids.Of(events.ClassCritical, 0, uint64(i))
				}
				emit(e)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for i, e := range r.sink.got {
			if own := e.ID == ids.Of(events.ClassCritical, 0, uint64(i)); own != (i%2 == 0) {
				t.Errorf("event %d: its own ID %v", i, own)
			}
		}
	})
}

// Sources take turns: the enricher needs no lock. The race detector watches.
func TestTwoSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		const n = 3000
		enriched := 0
		r.Enrichers = []events.Enricher{enricher(func(*events.Event) { enriched++ })}
		storm := func(_ context.Context, emit func(*events.Event)) error {
			for range n {
				emit(r.exec(0))
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := r.runAll(ctx, &source{name: "one", run: storm}, &source{name: "two", run: storm}); err != nil {
			t.Error(err)
		}
		if enriched != 2*n {
			t.Errorf("enriched %d events, want %d", enriched, 2*n)
		}
		r.want(fmt.Sprintf("generated exec %d, delivered exec %d", 2*n, 2*n))
	})
}

// Sources that fail while they drain lose nothing, and each says why.
func TestSourcesFailInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		broken, worse := errors.New("broken"), errors.New("worse")
		fails := func(err error) func(context.Context, func(*events.Event)) error {
			return func(ctx context.Context, emit func(*events.Event)) error {
				emit(r.exec(0))
				<-ctx.Done()
				emit(r.exec(0))
				return err
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := r.runAll(ctx, &source{name: "one", run: fails(broken)}, &source{name: "two", run: fails(worse)})
		if !errors.Is(err, broken) || !errors.Is(err, worse) || !strings.Contains(err.Error(), "run source one: broken") {
			t.Errorf("got error %v", err)
		}
		r.want("generated exec 4, delivered exec 4")
	})
}

// A sink that is not stopped gets every event of a burst, also if the burst
// is larger than the queue and quicker than the sink lingers.
func TestBurst(t *testing.T) {
	for _, test := range []struct {
		events, burst int
		bytes         int64
	}{
		{1, 1, 1 << 40},
		{2, 1, 1 << 40},
		{100, 40, 1 << 40},
		{1000, 300, 1 << 40},
		{1 << 16, 10, 25 * int64((&events.Event{}).Size())},
	} {
		t.Run(fmt.Sprintf("%d of %d in %d bytes", test.burst, test.events, test.bytes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.QueueEvents, r.QueueBytes = test.events, test.bytes
				err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
					for range 50 {
						for range test.burst {
							emit(r.exec(0))
						}
						synctest.Wait() // the writer does what it can in no time
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				r.want(fmt.Sprintf("generated exec %d, delivered exec %d", 50*test.burst, 50*test.burst))
			})
		})
	}
}
