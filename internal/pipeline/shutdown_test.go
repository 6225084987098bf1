// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// A sink that takes nothing is given its grace and no more.
func TestShutdownBlocked(t *testing.T) {
	for _, given := range []time.Duration{0, time.Millisecond, grace} {
		t.Run(given.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.Grace = given
				var cause error
				gate := newStoppable()
				r.sink.write = func(ctx context.Context, batch []*events.Event) (int, error) {
					n, err := gate.write(ctx, batch)
					cause = err
					return n, err
				}
				var stopped time.Time
				err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
					r.block(emit)
					r.flood(emit, 3*batchEvents, 0)
					stopped = time.Now()
					return nil
				})
				if d := time.Since(stopped); err != nil || d != given {
					t.Errorf("error %v, %v after the sources ended; want %v", err, d, given)
				}
				if !errors.Is(cause, errGrace) {
					t.Errorf("the sink was told %v", cause)
				}
				n := 3*batchEvents + 1
				r.want(fmt.Sprintf("generated exec %d, dropped shutdown exec %d", n, n))
			})
		})
	}
}

// A sink that takes a part of the batch in which its grace ends.
func TestShutdownPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.write = func(ctx context.Context, batch []*events.Event) (int, error) {
			<-ctx.Done()
			return min(1, len(batch)), context.Cause(ctx)
		}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.block(emit)
			r.flood(emit, 10, 0)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.want("generated exec 11, delivered exec 2, dropped shutdown exec 9")
	})
}

// A sink that is slow but done within its grace loses nothing.
func TestShutdownSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.write = func(ctx context.Context, batch []*events.Event) (int, error) {
			time.Sleep(grace / 8)
			return len(batch), ctx.Err()
		}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.flood(emit, 4*batchEvents, 0)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		n := 4 * batchEvents
		r.want(fmt.Sprintf("generated exec %d, delivered exec %d", n, n))
	})
}

// The grace counts from the end of the sources, not from the end of the context:
// while they drain, the sink is not given up on.
func TestShutdownLongDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := r.run(ctx, func(ctx context.Context, emit func(*events.Event)) error {
			cancel()
			for range 10 {
				time.Sleep(grace)
				emit(r.exec(0))
			}
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) { // the source's own
			t.Errorf("got error %v", err)
		}
		r.want("generated exec 10, delivered exec 10")
	})
}

// A loss that is still to be told while the pipeline ends, whatever the moment.
func TestShutdownWhileTelling(t *testing.T) {
	for after := time.Duration(0); after <= 2*tellAfter; after += tellAfter / 4 {
		for _, blocked := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				gate := newStoppable()
				r.sink.write = gate.write
				r.QueueEvents = 5
				r.Grace = tellAfter / 2
				err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
					r.block(emit)
					r.flood(emit, 10, 0)
					time.Sleep(after)
					if !blocked {
						gate.open()
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if blocked {
					r.want("generated exec 11, dropped queue exec 5, dropped shutdown exec 6")
				} else {
					r.told(events.ReasonQueueFull, 5, 5*ms, 9*ms)
				}
				time.Sleep(10 * tellAfter) // no timer is left that speaks to a closed queue
			})
		}
	}
}
