// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// A request that is too large is sent in halves, down to single documents; what is too large by itself is given up.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		huge := func(id string) bool { return id == idOf(3) || id == idOf(10) }
		f := &fakeEngine{script: func(f *fakeEngine, r *request, w http.ResponseWriter) bool {
			return (len(r.documents) > 2 || slices.ContainsFunc(r.documents, func(d document) bool { return huge(d.id) })) && answer(w, 413, "<html>too large</html>")
		}}
		w := newWorld(t, f, func(o *Options) {
			o.Encode = func(b []byte, e *events.Event) []byte {
				if huge(e.ID.String()) {
					return append(append(append(b, '"'), strings.Repeat("x", leastTooLarge)...), '"')
				}
				return encode(b, e)
			}
		})
		w.write(events.KindExec, 10)
		w.close(time.Hour)
		if len(f.stored) != 8 || len(letters(t, w.dead)) != 2 {
			t.Errorf("stored %d, letters %v", len(f.stored), letters(t, w.dead))
		}
		if balance := w.ledger.Read(); balance.Delivered["exec"] != 8 || balance.Dropped["rejected"]["exec"] != 2 {
			t.Errorf("%s", balance)
		}
		if loss := w.losses; len(loss) != 1 || loss[0].Count != 2 {
			t.Errorf("%v", loss)
		}
		for _, r := range f.requests[1:] {
			if len(r.documents) == 10 {
				t.Error("the whole was sent again")
			}
		}
	})
}

// Who finds every request too large is not believed: that is an outage, and nothing is given up.
func TestAllTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		f := &fakeEngine{script: func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool {
			return time.Since(begin) < time.Hour && answer(w, 413, "")
		}}
		w := newWorld(t, f, func(o *Options) { o.Workers = 2 })
		w.write(events.KindExec, 3000)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(f.sizes()); n > 400 || w.log.Count("takes no events") == 0 || w.log.Count("413 Request Entity Too Large: to a request of") == 0 {
			t.Errorf("%d requests:\n%s", n, w.log)
		}
		w.close(time.Hour)
		if len(f.stored) != 3000 || len(letters(t, w.dead)) != 0 {
			t.Errorf("stored %d", len(f.stored))
		}
	})
}

// What has been too large is not tried again with each batch, and what is taken later is found again.
func TestSizeIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, most := 0, 200_000
		f := &fakeEngine{script: func(_ *fakeEngine, r *request, w http.ResponseWriter) bool {
			size := 0
			for _, d := range r.documents {
				size += len(d.source)
			}
			if size > most {
				refused++
				return answer(w, 413, "")
			}
			return false
		}}
		w := newWorld(t, f, func(o *Options) {
			o.Encode = func(b []byte, e *events.Event) []byte {
				return append(append(append(b, '"'), strings.Repeat("x", 1000)...), '"')
			}
		})
		w.write(events.KindExec, 20_000)
		time.Sleep(time.Hour)
		synctest.Wait()
		f.mu.Lock()
		n := len(f.requests)
		f.mu.Unlock()
		if refused < 2 || refused > 20 || n > 250 {
			t.Errorf("%d requests, %d of them too large", n, refused)
		}
		f.mu.Lock()
		most = 1 << 30
		f.mu.Unlock()
		w.write(events.KindExec, 60_000)
		w.close(time.Hour)
		if len(f.stored) != 80_000 || w.sink.size.most() < 1<<20 {
			t.Errorf("stored %d, size %d", len(f.stored), w.sink.size.most())
		}
	})
}
