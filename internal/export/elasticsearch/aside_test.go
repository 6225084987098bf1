// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// While the documents of one data stream are held up for hours, those of the others arrive within seconds, also of the same
// class and of those that were written before. In the end all have arrived, once.
func TestDataStreamIsHeldUp(t *testing.T) {
	for status, workers := range map[int]int{503: 1, 403: 2} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { heldUp(t, status, workers) })
		})
	}
}

func heldUp(t *testing.T, status, workers int) {
	down := true
	f := &fakeEngine{outcome: func(_ *request, d document) int {
		if down && strings.Contains(d.index, "process") {
			return status
		}
		return 0
	}}
	w := newWorld(t, f, func(o *Options) {
		o.Workers, o.BulkEvents, o.Linger = workers, 100, time.Second
		o.Encode = func(b []byte, e *events.Event) []byte {
			return append(append(append(b, '"'), strings.Repeat("x", 1000)...), '"')
		}
	})
	w.write(events.KindExec, 1000) // of the class that comes first
	healthy := 0
	for minute := range 2 * 60 {
		w.write(events.KindExec, 10)
		for _, kind := range []events.Kind{events.KindAuthentication, events.KindFileWrite, events.KindEventsLost} {
			w.write(kind, 1)
			healthy++
		}
		time.Sleep(10 * time.Second)
		f.mu.Lock()
		if stored := len(f.stored); stored != healthy {
			t.Fatalf("minute %d: stored %d of %d", minute, stored, healthy)
		}
		f.mu.Unlock()
		if balance := w.ledger.Read(); balance.Delivered["authentication"] != uint64(minute+1) || balance.Lost() != 0 || balance.Spooled["exec"] != balance.Generated["exec"] {
			t.Fatalf("minute %d: %s", minute, balance)
		}
		time.Sleep(50 * time.Second)
	}
	// Each rest is followed by one attempt, and each write by one request.
	if n := len(f.requests); n > 120*(10+5) {
		t.Errorf("%d requests", n)
	}
	f.mu.Lock()
	down = false
	f.mu.Unlock()
	w.close(time.Hour)
	if stats := w.sink.Stats(); len(f.stored) != int(w.made) || stats.Duplicate != 0 || stats.Rejected != 0 {
		t.Errorf("stored %d of %d: %+v", len(f.stored), w.made, stats)
	}
}

// While nothing can be sent nothing is spooled again either, but for one batch after each rest.
func TestNothingIsMovedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{outcome: func(*request, document) int { return 403 }}, func(o *Options) { o.Workers, o.BulkEvents = 2, 100 })
		w.write(events.KindExec, 200)
		moved := 0
		for range 1200 {
			before := w.order()
			time.Sleep(time.Second)
			synctest.Wait()
			if !slices.Equal(before, w.order()) {
				moved++
			}
		}
		if moved == 0 || moved > 200 {
			t.Errorf("in twenty minutes documents were moved in %d seconds", moved)
		}
		w.close(0)
	})
}

// order lists what waits in the spool, in its order.
func (w *world) order() (list []string) {
	w.t.Helper()
	batch, err := w.spool.Next(w.t.Context(), 1<<20, 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range batch.Entries {
		list = append(list, letterOf(batch.Entries[i].Body).id)
	}
	w.spool.Return(batch)
	return list
}

// What was spooled under another configuration rests by its own name.
func TestForeignDataStreamRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{outcome: func(_ *request, d document) int {
			if d.index == "logs-old" {
				return 503
			}
			return 0
		}}
		w := newWorld(t, f, nil)
		w.ledger.Generated(events.KindExec, 1)
		w.spool.Append(entriesOf(events.KindExec, "\x01{\"create\":{\"_index\":\"logs-old\",\"_id\":\"old\"}}\n{}\n"))
		for range 100 {
			time.Sleep(time.Minute)
			before := w.delivered()
			w.write(events.KindExec, 1)
			time.Sleep(5 * time.Second)
			if n := w.delivered(); n != before+1 {
				t.Fatalf("delivered %d", n)
			}
		}
		w.close(time.Second)
	})
}

// A request that has an answer counts, also if the sensor ends before the rest of its batch has one.
func TestAnsweredPartCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{script: func(f *fakeEngine, r *request, w http.ResponseWriter) bool {
			switch r.number {
			case 0:
				return answer(w, 413, "")
			case 1:
				return false
			}
			return f.hang(r, w)
		}}
		w := newWorld(t, f, nil)
		w.write(events.KindExec, 10)
		w.close(time.Second)
		if balance := w.ledger.Read(); balance.Delivered["exec"] != 5 || balance.Dropped["shutdown"]["exec"] != 5 {
			t.Errorf("%s", balance)
		}
	})
}

// Documents at which the engine fails are no end of others, and each is given up after as many attempts as any.
func TestManyFailing(t *testing.T) {
	f := failing{}
	body := func(n int) []byte {
		return fmt.Appendf(nil, "\x01{\"create\":{\"_index\":\"a\",\"_id\":\"%d\"}}\n{}\n", n)
	}
	for range mostErrors * 2 {
		for n := range 2 * mostFailing {
			if f.tooOften(500, body(n)) {
				t.Fatal("one of too many was given up")
			}
		}
	}
	if len(f.counts) > mostFailing {
		t.Errorf("%d are remembered", len(f.counts))
	}
	for n := range mostErrors {
		if f.tooOften(503, body(0)) || f.tooOften(429, body(0)) || f.tooOften(500, body(-1)) != (n == mostErrors-1) {
			t.Errorf("attempt %d", n+1)
		}
	}
}
