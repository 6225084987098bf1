// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// block gives the writer an event to stand blocked with, and so an empty queue
// that nobody takes from.
func (r *rig) block(emit func(*events.Event)) {
	emit(r.exec(0))
	time.Sleep(2 * linger)
	synctest.Wait()
}

// flood emits n events, one at each millisecond from the given one on, in no time.
func (r *rig) flood(emit func(*events.Event), n, from int) {
	for i := range n {
		emit(r.exec(time.Duration(from+i) * time.Millisecond))
	}
}

const ms = time.Millisecond

// What a full queue loses is counted, and said once there is room, although
// nothing else happens any more.
func TestQueueFull(t *testing.T) {
	size := int64((&events.Event{}).Size())
	for _, test := range []struct {
		name   string
		events int
		bytes  int64
	}{
		{"events", 10, 1 << 40},
		{"bytes", 1 << 16, 10 * size},
		{"bytes, with a rest", 1 << 16, 11*size - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				gate := newStoppable()
				r.sink.write = gate.write
				r.QueueEvents, r.QueueBytes = test.events, test.bytes
				err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
					r.block(emit)
					r.flood(emit, 30, 100)
					time.Sleep(time.Minute)
					gate.open()
					time.Sleep(2 * tellAfter)
					synctest.Wait()
					r.told(events.ReasonQueueFull, 20, 110*ms, 129*ms)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				r.want("generated exec 31, synthesized events_lost 1, delivered exec 11, delivered events_lost 1, dropped queue exec 20")
			})
		})
	}
}

// The loss is said also if the queue was full until the end.
func TestQueueFullAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := newStoppable()
		r.sink.write = gate.write
		r.QueueEvents = 10
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.block(emit)
			r.flood(emit, 30, 100)
			time.AfterFunc(grace/2, gate.open)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.told(events.ReasonQueueFull, 20, 110*ms, 129*ms)
		r.want("generated exec 31, synthesized events_lost 1, delivered exec 11, delivered events_lost 1, dropped queue exec 20")
	})
}

// Losses are told one by one as they happen, and none twice.
func TestQueueFullOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.QueueEvents = 10
		r.sink.write = func(_ context.Context, batch []*events.Event) (int, error) {
			time.Sleep(300 * ms)
			return len(batch), nil
		}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			for i := range 100 {
				r.flood(emit, 15, 100*i)
				time.Sleep(100 * ms)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		var told uint64
		for _, loss := range r.losses() {
			told += loss.Count
			if loss.Last.Before(loss.First) {
				t.Errorf("lost from %v to %v", loss.First, loss.Last)
			}
		}
		if lost := r.ledger.Read().Dropped["queue"]["exec"]; told != lost || lost == 0 {
			t.Errorf("told of %d, lost %d", told, lost)
		}
		if n := len(r.losses()); n < 5 || n > 20 {
			t.Errorf("told %d times in ten seconds", n)
		}
	})
}

// One event larger than the whole queue passes; it is not lost for ever.
func TestQueueOversize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.QueueBytes = 1
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			for range 10 {
				emit(r.exec(0))
				time.Sleep(2 * linger)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.want("generated exec 10, delivered exec 10")
	})
}

// What a source says about losses in the kernel is not lost with the event that says it.
func TestLossOfLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := newStoppable()
		r.sink.write = gate.write
		r.QueueEvents = 10
		ring := events.Loss{Kind: events.KindFork, Stage: events.ReasonRingFull, CPU: 3, Count: 7, First: r.start.Add(ms), Last: r.start.Add(5 * ms)}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.block(emit)
			r.flood(emit, 10, 0)
			for i := range 3 {
				loss := ring
				if i != 1 { // the kernel does not say when
					loss.First, loss.Last = time.Time{}, time.Time{}
				}
				r.ledger.Synthesized(events.KindEventsLost, 1)
				emit(&events.Event{Kind: events.KindEventsLost, Loss: &loss})
			}
			gate.open()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		ring.Count *= 3
		if got := r.losses(); len(got) != 1 || got[0] != ring {
			t.Errorf("told %+v, want %+v", got, ring)
		}
		r.want("generated exec 11, synthesized events_lost 4, delivered exec 11, delivered events_lost 1, dropped queue events_lost 3")
	})
}

// A sink that fails, and then takes events again.
func TestWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var full atomic.Bool
		r.sink.write = func(_ context.Context, batch []*events.Event) (int, error) {
			if full.Load() {
				return min(3, len(batch)-1), syscall.ENOSPC
			}
			return len(batch), nil
		}
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.block(emit)
			full.Store(true)
			r.flood(emit, 10, 100)
			time.Sleep(100 * ms)
			r.flood(emit, 10, 200)
			time.Sleep(10 * time.Second)
			full.Store(false)
			emit(r.exec(time.Second))
			time.Sleep(10 * time.Second)
			r.flood(emit, 10, 2000)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.told(events.ReasonWrite, 14, 103*ms, 209*ms)
		b := r.ledger.Read()
		if b.Generated["exec"] != 32 || b.Delivered["exec"] != 18 || b.Dropped["write"]["exec"] != 14 || len(b.Dropped) != 1 {
			t.Error(b)
		}
		if bytes.Count(r.log.Bytes(), []byte("no space left")) != 1 || bytes.Count(r.log.Bytes(), []byte("again")) != 1 {
			t.Errorf("logged %s", r.log.String())
		}
	})
}

// A sink that fails to the end keeps nobody.
func TestWriteFailsAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.write = func(context.Context, []*events.Event) (int, error) { return 0, syscall.ENOSPC }
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.flood(emit, 10, 0)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		r.want("generated exec 10, synthesized events_lost 1, dropped write exec 10, dropped write events_lost 1")
	})
}

// A sink that breaks its promise and gives no error.
func TestWriteShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.write = func(_ context.Context, batch []*events.Event) (int, error) { return len(batch) / 2, nil }
		err := r.run(t.Context(), func(_ context.Context, emit func(*events.Event)) error {
			r.flood(emit, 10, 0)
			return nil
		})
		if err != nil || r.ledger.Read().Dropped["write"]["exec"] != 5 || !strings.Contains(r.log.String(), io.ErrShortWrite.Error()) {
			t.Errorf("%v, error %v, logged %s", r.ledger.Read(), err, r.log.String())
		}
	})
}

// Once the sink's other end is gone the sources are stopped.
func TestEPIPE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sink.write = func(_ context.Context, batch []*events.Event) (int, error) {
			if len(r.sink.got) > 0 {
				return 2, &pathError{syscall.EPIPE}
			}
			return len(batch), nil
		}
		run := func(ctx context.Context, emit func(*events.Event)) error {
			r.block(emit)
			r.flood(emit, 10, 0)
			<-ctx.Done()
			r.flood(emit, 1000, 0) // what is left in the ring
			return nil
		}
		err := r.run(t.Context(), run)
		if !errors.Is(err, syscall.EPIPE) {
			t.Errorf("got error %v, want EPIPE", err)
		}
		if n := len(r.sink.sizes); n != 2 {
			t.Errorf("the sink was written to %d times, want 2", n)
		}
		r.want("generated exec 1011, delivered exec 3, dropped closed exec 1008")
	})
}

type pathError struct{ err error }

func (e *pathError) Error() string { return "write |1: " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }
