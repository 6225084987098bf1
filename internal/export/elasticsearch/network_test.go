// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/spool"
	"sensor/internal/logtest"
)

// secret is in the credentials of the tests; no log may have it.
const secret = "c2VjcmV0"

// networked makes a world whose sink speaks to the handler over a real connection, from a spool on disk. When it is closed
// nothing may be left of it.
func networked(t *testing.T, dir string, f *fakeEngine, o engine.Options, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, engine: f, ledger: &events.Ledger{}, log: &logtest.Buffer{}, dead: filepath.Join(dir, "dead")}
	f.t = t
	if f.stored == nil {
		f.stored = map[string]document{}
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if w.spool, err = spool.Open(spool.Options{Dir: filepath.Join(dir, "spool"), MaxBytes: 64 << 20, Sync: spool.SyncNever, Full: spool.FullOldest, Log: log, Ledger: w.ledger, Lost: w.lost}); err != nil {
		t.Fatal(err)
	}
	o.Log, o.UserAgent = log, "sensor/test"
	if o.APIKeyFile == "" {
		o.APIKey = secret
	}
	client, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Client: client, Spool: w.spool, Encode: encode, DataStream: func(k events.Kind) string { return "logs-sensor." + k.Traits().Dataset + "-default" },
		Ledger: w.ledger, Lost: w.lost, Log: log, BulkEvents: 100, DeadLetter: w.dead,
	}
	for _, change := range change {
		change(&options)
	}
	w.sink = New(options)
	t.Cleanup(func() {
		client.Close()
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has a secret: %s", w.log)
		}
		noGoroutines(t)
	})
	return w
}

// noGoroutines waits until neither sink nor client has any.
func noGoroutines(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(stacks, []byte("persistConn")) && !bytes.Contains(stacks, []byte("(*Sink).ship")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines are left:\n%s", stacks)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestNetwork: faults that only a network has. All events arrive once.
func TestNetwork(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"hang": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"cut in the answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"items":[{"create":{"status":201}},`)
		},
		"reset": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		},
		"answer in chunks that ends": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"items":[`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"no HTTP": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{}
			var faults atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if faults.Add(1) <= 3 {
					fault(w, r)
					return
				}
				f.ServeHTTP(w, r)
			}))
			defer server.Close()
			w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}, Timeout: 200 * time.Millisecond})
			w.write(events.KindExec, 500)
			w.close(time.Minute)
			if len(f.stored) != 500 || w.ledger.Read().Delivered["exec"] != 500 {
				t.Errorf("stored %d; %s\n%s", len(f.stored), w.ledger.Read(), w.log)
			}
			if w.log.Count("takes no events") != 1 || w.log.Count("takes events again") != 1 || w.log.Count(server.URL) == 0 {
				t.Errorf("%s", w.log)
			}
		})
	}
}

// TestRefused: nobody listens, and then somebody does.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	f := &fakeEngine{}
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{"http://" + address}})
	w.write(events.KindExec, 500)
	for w.sink.Stats().Requests[0] < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := w.sink.Stats().Outage; err == nil || !strings.Contains(err.Error(), "nobody listens there") {
		t.Errorf("got %v", err)
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	go server.Serve(l)
	defer server.Close()
	w.close(time.Minute)
	if len(f.stored) != 500 {
		t.Errorf("stored %d", len(f.stored))
	}
}

// Of several endpoints one refuses, one hangs and one cuts: the others take all, and nobody is told of an outage.
func TestSeveralEndpoints(t *testing.T) {
	f := &fakeEngine{}
	good := httptest.NewServer(f)
	defer good.Close()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hangs.Close()
	cuts := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cuts.Close()
	refuses := httptest.NewServer(nil)
	refuses.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{hangs.URL, refuses.URL, cuts.URL, good.URL}, Timeout: 2 * time.Second})
	w.write(events.KindExec, 2000)
	w.close(time.Minute)
	if len(f.stored) != 2000 || w.log.Count("takes no events") != 0 {
		t.Errorf("stored %d:\n%s", len(f.stored), w.log)
	}
}

// An answer that comes before all is sent (413) is heard, also if the connection is closed right after it.
func TestTooLargeOverNetwork(t *testing.T) {
	f := &fakeEngine{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 300<<10 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer server.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}}, func(o *Options) {
		o.BulkEvents = 24
		o.Encode = func(b []byte, e *events.Event) []byte { // 64 KiB that do not shrink by much
			random := rand.New(rand.NewPCG(uint64(e.ID[7]), 0))
			b = append(b, `{"event":{"id":"`...)
			for range 64 << 10 {
				b = append(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[random.IntN(64)])
			}
			return append(b, `"}}`...)
		}
	})
	w.write(events.KindExec, 48)
	w.close(time.Minute)
	if len(f.stored) != 48 || w.sink.Stats().Requests[413] == 0 {
		t.Errorf("stored %d, %+v\n%s", len(f.stored), w.sink.Stats(), w.log)
	}
}

// TestEndInHang: the end comes with the context, in the middle of a request; the next run delivers what is left, once.
func TestEndInHang(t *testing.T) {
	dir := t.TempDir()
	f := &fakeEngine{}
	var hanging atomic.Bool
	var hung atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hanging.Load() {
			hung.Add(1)
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer server.Close()
	first := networked(t, dir, f, engine.Options{Hosts: []string{server.URL}})
	first.write(events.KindExec, 50)
	for first.delivered() < 50 {
		time.Sleep(time.Millisecond)
	}
	hanging.Store(true)
	first.write(events.KindExec, 250)
	first.write(events.KindConnect, 250)
	for hung.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	begin := time.Now()
	first.close(50 * time.Millisecond)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	if first.log.Count("the rest stays in the spool") != 1 {
		t.Errorf("%s", first.log)
	}
	if balance := first.ledger.Read(); balance.Delivered["exec"] != 50 || balance.Spooled["exec"] != 250 || balance.Spooled["connect"] != 250 {
		t.Errorf("%s", balance)
	}
	hanging.Store(false)
	second := networked(t, dir, f, engine.Options{Hosts: []string{server.URL}})
	second.close(time.Minute)
	if balance := second.ledger.Read(); balance.Recovered["exec"] != 250 || balance.Delivered["exec"] != 250 || balance.Delivered["connect"] != 250 || len(f.stored) != 550 {
		t.Errorf("stored %d: %s", len(f.stored), balance)
	}
}

// Of a batch that was answered in part when the sensor ended, only the rest comes again.
func TestEndInHalf(t *testing.T) {
	dir := t.TempDir()
	var calm atomic.Bool
	f := &fakeEngine{outcome: func(_ *request, d document) int {
		if !calm.Load() && d.id > idOf(40) {
			return 429
		}
		return 0
	}}
	server := httptest.NewServer(f)
	defer server.Close()
	first := networked(t, dir, f, engine.Options{Hosts: []string{server.URL}})
	first.write(events.KindExec, 100)
	for first.sink.Stats().Retried == 0 {
		time.Sleep(time.Millisecond)
	}
	first.close(time.Millisecond)
	delivered := uint64(len(f.stored))
	if balance := first.ledger.Read(); delivered == 0 || balance.Delivered["exec"] != delivered || balance.Spooled["exec"] != 100-delivered {
		t.Errorf("stored %d: %s", delivered, balance)
	}
	calm.Store(true)
	second := networked(t, dir, f, engine.Options{Hosts: []string{server.URL}})
	second.close(time.Minute)
	if balance, stats := second.ledger.Read(), second.sink.Stats(); balance.Delivered["exec"] != 100-delivered || stats.Duplicate != 0 || len(f.stored) != 100 {
		t.Errorf("stored %d: %s, %+v", len(f.stored), balance, stats)
	}
}

// A key that is replaced while the sensor runs ends the outage by itself.
func TestKeyIsReplaced(t *testing.T) {
	f := &fakeEngine{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "ApiKey "+secret+"2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(secret+"1"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}, APIKeyFile: path})
	w.write(events.KindExec, 10)
	for w.sink.Stats().Requests[401] < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := os.WriteFile(path, []byte(secret+"2"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.close(time.Minute)
	if len(f.stored) != 10 || w.log.Count("401 Unauthorized") != 1 {
		t.Errorf("stored %d:\n%s", len(f.stored), w.log)
	}
}

// TestBacklog: what a long outage has left is sent in full bulks, by all workers.
func TestBacklog(t *testing.T) {
	f := &fakeEngine{}
	var up atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer server.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}})
	for range 100 {
		w.write(events.KindExec, 100)
		w.write(events.KindFileWrite, 100)
	}
	up.Store(true)
	w.close(time.Minute)
	if n := len(f.requests); len(f.stored) != 20_000 || n > 210 {
		t.Errorf("stored %d in %d requests", len(f.stored), n)
	}
}

// To close twice is no fault.
func TestCloseTwice(t *testing.T) {
	f := &fakeEngine{}
	server := httptest.NewServer(f)
	defer server.Close()
	w := networked(t, t.TempDir(), f, engine.Options{Hosts: []string{server.URL}})
	w.close(time.Minute)
	if err := w.sink.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
