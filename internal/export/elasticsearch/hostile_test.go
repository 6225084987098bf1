// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
)

// An engine, or a proxy, that shows the request's credentials in its reasons does not have them logged or kept.
func TestEchoedCredentials(t *testing.T) {
	f := &fakeEngine{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		number := f.parse(r).number
		f.mu.Unlock()
		echo := r.Header.Get("Authorization")
		if number == 0 {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, `{"error":{"type":%q,"reason":%q}}`, echo, echo)
			return
		}
		fmt.Fprintf(w, `{"items":[{"create":{"status":400,"error":{"type":%q,"reason":%q,"caused_by":{"reason":%q}}}}]}`, echo, echo, echo)
	}))
	defer server.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}})
	w.write(events.KindExec, 1)
	w.close(time.Minute)
	list := letters(t, w.dead)
	if len(list) != 1 || list[0]["type"] != "***" || list[0]["reason"] != "***: ***" {
		t.Errorf("%v", list)
	}
	if w.log.Count("***: ***") != 1 || w.log.Count("type=***") != 1 {
		t.Errorf("%s", w.log)
	}
}

// Whoever answers with more than there can be to say is not read to the end.
func TestBomb(t *testing.T) {
	f := &fakeEngine{}
	var bombs atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bombs.Add(1) > 3 {
			f.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		io.WriteString(packed, `{"items":[`)
		for range 1 << 10 {
			io.WriteString(packed, strings.Repeat(`{},`, 1<<14))
		}
		io.WriteString(packed, `{}]}`)
		packed.Close()
	}))
	defer server.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}})
	w.write(events.KindExec, 10)
	w.close(time.Minute)
	if len(f.stored) != 10 || w.log.Count(engine.ErrAnswerTooLarge.Error()) != 1 {
		t.Errorf("stored %d:\n%s", len(f.stored), w.log)
	}
}
