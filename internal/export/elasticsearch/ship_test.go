// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/spool"
)

func entriesOf(kind events.Kind, bodies ...string) []spool.Entry {
	list := make([]spool.Entry, len(bodies))
	for i, body := range bodies {
		list[i] = spool.Entry{Kind: kind, Time: time.Now(), Body: []byte(body)}
	}
	return list
}

// TestPauses: the engine's own wish is respected up to a bound; without one, pauses grow up to a bound.
func TestPauses(t *testing.T) {
	begin := time.Now()
	for _, test := range []struct {
		name        string
		header      func() string // Retry-After
		least, most time.Duration // of the pause after the twelfth failure
	}{
		{"none", func() string { return "" }, backoffMost / 2, backoffMost},
		{"seconds", func() string { return "7" }, 7 * time.Second, 9 * time.Second},
		{"date", func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) }, 38 * time.Second, 51 * time.Second},
		{"too long", func() string { return "86400" }, retryAfterMost, retryAfterMost * 5 / 4},
		{"date too far", func() string { return begin.AddDate(500, 0, 0).UTC().Format(http.TimeFormat) }, retryAfterMost, retryAfterMost * 5 / 4},
		{"beyond numbers", func() string { return "99999999999999999999" }, backoffMost / 2, backoffMost},
		{"negative", func() string { return "-5" }, backoffMost / 2, backoffMost},
		{"date gone by", func() string { return "Sat, 02 Jan 1999 15:04:05 GMT" }, backoffMost / 2, backoffMost},
		{"0", func() string { return "0" }, backoffMost / 2, backoffMost},
		{"words", func() string { return "soon" }, backoffMost / 2, backoffMost},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &fakeEngine{script: first(13, func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool {
					w.Header().Set("Retry-After", test.header())
					return answer(w, 429, "")
				})}, nil)
				w.write(events.KindExec, 1)
				w.close(24 * time.Hour)
				r := w.engine.requests
				if len(r) != 14 {
					t.Fatalf("%d requests", len(r))
				}
				if pause := r[12].at.Sub(r[11].at); pause < test.least || pause > test.most {
					t.Errorf("the pause was %v; want %v to %v", pause, test.least, test.most)
				}
			})
		})
	}
}

// All workers wait together: an engine that is down is not asked more often for it.
func TestWorkersWaitTogether(t *testing.T) {
	requests := func(workers int) (n int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, &fakeEngine{script: func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool { return answer(w, 503, "") }},
				func(o *Options) { o.Workers, o.BulkEvents = workers, 1 })
			w.write(events.KindExec, 10)
			w.close(time.Hour)
			n = len(w.engine.requests)
		})
		return n
	}
	if one, four := requests(1), requests(4); four > 5*one || one > 300 || one < 120 {
		t.Errorf("one worker asked %d times in an hour, four %d times", one, four)
	}
}

// TestOutageIsTold: at its begin, then rarely, and at its end, with what waits.
func TestOutageIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		w := newWorld(t, &fakeEngine{script: func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool {
			return down && answer(w, 401, `{"error":{"type":"security_exception","reason":"expired"}}`)
		}}, func(o *Options) { o.Workers = 2 })
		w.write(events.KindExec, 1)
		time.Sleep(time.Minute)
		w.write(events.KindExec, 4)
		time.Sleep(10 * time.Hour)
		if told := w.log.Count("takes no events"); told < 55 || told > 61 {
			t.Errorf("told %d times in ten hours:\n%s", told, w.log)
		}
		if w.log.Count("waiting=1") != 1 || w.log.Count("waiting=5") < 50 {
			t.Errorf("%s", w.log)
		}
		if stats := w.sink.Stats(); stats.Outage == nil || !stats.LastSuccess.IsZero() {
			t.Errorf("%+v", stats)
		}
		w.engine.mu.Lock()
		down = false
		w.engine.mu.Unlock()
		w.close(time.Hour)
		if w.log.Count("takes events again") != 1 || w.log.Count("after=10h") != 1 || len(w.engine.stored) != 5 {
			t.Errorf("stored %d:\n%s", len(w.engine.stored), w.log)
		}
	})
}

// An engine that comes and goes does not fill the log.
func TestFlappingIsToldRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{script: func(_ *fakeEngine, r *request, w http.ResponseWriter) bool {
			return r.number%2 == 0 && answer(w, 503, "")
		}}, func(o *Options) { o.BulkEvents = 1 })
		for range 3600 {
			w.write(events.KindExec, 1)
			time.Sleep(time.Second)
		}
		w.close(time.Hour)
		if began, ended := w.log.Count("takes no events"), w.log.Count("takes events again"); began > 61 || began != ended {
			t.Errorf("told %d and %d times in an hour", began, ended)
		}
	})
}

// TestLinger: the first event goes at once; a quiet host then sends one request in each linger; a full bulk does not wait.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{}, func(o *Options) { o.Linger, o.BulkEvents, o.Workers = 10*time.Second, 100, 2 })
		w.write(events.KindExec, 1)
		synctest.Wait()
		if sizes := w.engine.sizes(); !slices.Equal(sizes, []int{1}) {
			t.Fatalf("at first: %v", sizes)
		}
		for range 59 {
			time.Sleep(time.Second)
			w.write(events.KindExec, 1)
		}
		synctest.Wait()
		if sizes := w.engine.sizes(); len(sizes) < 5 || len(sizes) > 7 {
			t.Errorf("a quiet minute: %v", sizes)
		}
		time.Sleep(time.Minute)
		w.write(events.KindExec, 1)
		before := len(w.engine.sizes())
		begin := time.Now()
		w.write(events.KindExec, 350)
		synctest.Wait()
		if sizes := w.engine.sizes()[before:]; len(sizes) < 3 || time.Since(begin) != 0 {
			t.Errorf("after %v: %v", time.Since(begin), sizes)
		}
		begin = time.Now()
		w.write(events.KindExec, 1)
		w.close(time.Hour)
		if time.Since(begin) != 0 || len(w.engine.stored) != 60+1+350+1 {
			t.Errorf("the end took %v; stored %d", time.Since(begin), len(w.engine.stored))
		}
	})
}

// A slow engine is asked by several workers at a time.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{script: func(f *fakeEngine, r *request, _ http.ResponseWriter) bool {
			f.mu.Unlock()
			time.Sleep(200 * time.Millisecond)
			f.mu.Lock()
			return false
		}}, func(o *Options) { o.Workers, o.BulkEvents = 4, 10 })
		begin := time.Now()
		w.write(events.KindExec, 400)
		w.close(time.Hour)
		if took := time.Since(begin); took != 2*time.Second || len(w.engine.stored) != 400 {
			t.Errorf("40 requests by 4 workers took %v, stored %d", took, len(w.engine.stored))
		}
		if stats := w.sink.Stats(); stats.Requests[200] != 40 || stats.Latency.Counts[slices.Index(stats.Latency.Bounds, 250*time.Millisecond)] != 40 || stats.Latency.Sum < 7990*time.Millisecond || stats.Latency.Sum > 8010*time.Millisecond {
			t.Errorf("%+v", stats)
		}
	})
}

// TestBulkBounds: in events and in bytes.
func TestBulkBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{}, func(o *Options) { o.BulkBytes = 1000 })
		w.write(events.KindExec, 100)
		w.close(time.Hour)
		if len(w.engine.stored) != 100 || len(w.engine.requests) < 10 {
			t.Errorf("stored %d in %v", len(w.engine.stored), w.engine.sizes())
		}
		for _, r := range w.engine.requests {
			size := 0
			for _, d := range r.documents {
				size += len(d.source)
			}
			if size > 1000 {
				t.Errorf("a request has %d bytes", size)
			}
		}
		if stats := w.sink.Stats(); stats.SentBytes == 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// TestWriteDoesNotWait: an engine that hangs holds up nobody who writes.
func TestWriteDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{script: func(f *fakeEngine, r *request, w http.ResponseWriter) bool { return f.hang(r, w) }}, nil)
		begin := time.Now()
		for range 100 {
			w.write(events.KindExec, 256)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		w.close(3 * time.Second)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("the end took %v", took)
		}
		if balance := w.ledger.Read(); balance.Delivered["exec"] != 0 || w.log.Count("has not taken all in time; the rest is dropped as far as it is in memory alone") != 1 {
			t.Errorf("%s\n%s", balance, w.log)
		}
	})
}

// What is under way at the end goes back into the spool.
func TestEndReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{script: func(f *fakeEngine, r *request, w http.ResponseWriter) bool { return f.hang(r, w) }}, nil)
		w.write(events.KindExec, 10)
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.sink.Close(ended); err != nil {
			t.Fatal(err)
		}
		batch, err := w.spool.Next(t.Context(), 100, 1<<20)
		if err != nil || len(batch.Entries) != 10 {
			t.Fatalf("%v, %v", batch, err)
		}
		w.spool.Return(batch)
		w.close(0)
	})
}

// Huge events do not fill the memory, neither while they are written nor afterwards.
func TestHugeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := 3 << 20
		w := newWorld(t, &fakeEngine{}, func(o *Options) {
			o.Encode = func(b []byte, e *events.Event) []byte {
				return append(append(append(b, '"'), strings.Repeat("x", size)...), '"')
			}
		})
		for range 2 {
			w.write(events.KindExec, 8)
			if kept := cap(w.sink.buffer); kept > 12<<20 {
				t.Errorf("%d bytes are kept", kept)
			}
		}
		size = 1
		w.write(events.KindExec, 1)
		w.close(time.Minute)
		if len(w.engine.stored) != 17 || len(w.engine.requests) < 8 {
			t.Errorf("stored %d in %v", len(w.engine.stored), w.engine.sizes())
		}
	})
}

// TestChaos: whatever the engine does, each event is in it once, or in the dead letter file once, and the accounts say which.
func TestChaos(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func chaos(t *testing.T, random *rand.Rand) {
	statuses := []int{429, 503, 500, 400, 404, 413, 401, 403}
	refused := map[string]bool{}
	calm := false
	f := &fakeEngine{}
	f.outcome = func(_ *request, d document) int {
		if _, ok := f.stored[d.id]; ok || calm || random.IntN(4) > 0 {
			return 0
		}
		status := statuses[random.IntN(len(statuses))]
		if judge(status) == verdictRejected {
			refused[d.id] = true
		}
		return status
	}
	f.script = func(f *fakeEngine, r *request, w http.ResponseWriter) bool {
		pause := time.Duration(random.IntN(300)) * time.Millisecond
		f.mu.Unlock()
		time.Sleep(pause)
		f.mu.Lock()
		if calm {
			return false
		}
		switch random.IntN(8) {
		case 0:
			return hangUp(w)
		case 1:
			for _, d := range r.documents { // stored, and nobody hears of it
				f.stored[d.id] = d
			}
			return hangUp(w)
		case 2:
			return answer(w, []int{429, 503, 502, 401, 400}[random.IntN(5)], "")
		case 3:
			return len(r.documents) > 1 && answer(w, 413, "")
		case 4:
			return answer(w, 200, `{"items":[{"create":{"status":201}}`)
		}
		return false
	}
	w := newWorld(t, f, func(o *Options) { o.Workers, o.BulkEvents, o.Linger = 1+random.IntN(3), 1+random.IntN(50), time.Second })
	for range 30 {
		f.mu.Lock()
		kind, n, pause := random.IntN(3), random.IntN(40), time.Duration(random.IntN(500))*time.Millisecond
		f.mu.Unlock()
		w.write([]events.Kind{events.KindExec, events.KindConnect, events.KindEventsLost}[kind], n)
		time.Sleep(pause)
	}
	time.Sleep(time.Minute)
	f.mu.Lock()
	calm = true
	f.mu.Unlock()
	w.close(24 * time.Hour)
	dead := map[string]bool{}
	for _, l := range letters(t, w.dead) {
		id := l["id"].(string)
		if dead[id] || !refused[id] {
			t.Errorf("%s is kept twice, or was never refused", id)
		}
		dead[id] = true
	}
	for n := range w.made {
		_, stored := f.stored[idOf(n+1)]
		if stored == dead[idOf(n+1)] {
			t.Errorf("event %d: stored %v, given up %v", n+1, stored, dead[idOf(n+1)])
		}
	}
	var told uint64
	for _, loss := range w.losses {
		told += loss.Count
	}
	balance, stats := w.ledger.Read(), w.sink.Stats()
	if lost := balance.Lost(); lost != uint64(len(dead)) || told != lost-balance.LostOf("events_lost") || stats.Rejected != lost || w.delivered() != len(f.stored) {
		t.Errorf("stored %d, letters %d, told %d: %s, %+v", len(f.stored), len(dead), told, balance, stats)
	}
}
