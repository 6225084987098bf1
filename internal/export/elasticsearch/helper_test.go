// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/spool"
	"sensor/internal/logtest"
)

// A fakeEngine is a bulk endpoint that keeps documents by id, as a search engine does. Its script may answer instead.
type fakeEngine struct {
	t *testing.T
	// script answers a request if it returns true. It may store documents before.
	script func(f *fakeEngine, r *request, w http.ResponseWriter) bool
	// outcome is the status of a document that is to be stored; 0 stores it. nil stores all.
	outcome func(r *request, d document) int

	mu       sync.Mutex
	stored   map[string]document
	requests []*request
}

type request struct {
	number    int // from 0
	documents []document
	context   context.Context
	at        time.Time
}

type document struct {
	index, id string
	source    string
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parsed := f.parse(r)
	if f.script != nil && f.script(f, parsed, w) {
		return
	}
	f.store(parsed, w)
}

func (f *fakeEngine) parse(r *http.Request) *request {
	if r.Method != http.MethodPost || r.URL.Path != "/_bulk" || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/x-ndjson" {
		f.t.Errorf("got %s %s with %v", r.Method, r.URL, r.Header)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		f.t.Errorf("the body is not gzip: %v", err)
		return &request{}
	}
	parsed := &request{number: len(f.requests), context: r.Context(), at: time.Now()}
	f.requests = append(f.requests, parsed)
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var action struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			} `json:"create"`
		}
		if err := json.Unmarshal(lines.Bytes(), &action); err != nil || action.Create.ID == "" || !lines.Scan() {
			f.t.Errorf("not an action and its document: %q, %v", lines.Text(), err)
			return parsed
		}
		parsed.documents = append(parsed.documents, document{action.Create.Index, action.Create.ID, lines.Text()})
	}
	if err := lines.Err(); err != nil {
		f.t.Errorf("read body: %v", err)
	}
	return parsed
}

// store keeps what is new and tells of each document what became of it.
func (f *fakeEngine) store(r *request, w http.ResponseWriter) {
	items := make([]string, len(r.documents))
	for i, d := range r.documents {
		status := 0
		if f.outcome != nil {
			status = f.outcome(r, d)
		}
		if status == 0 {
			status = http.StatusCreated
			if _, ok := f.stored[d.id]; ok {
				status = http.StatusConflict
			}
			f.stored[d.id] = d
		}
		items[i] = fmt.Sprintf(`{"create":{"status":%d}}`, status)
		if status >= 300 {
			items[i] = fmt.Sprintf(`{"create":{"status":%d,"error":{"type":"type_of_%d","reason":"reason of %s","caused_by":{"reason":"cause"}}}}`, status, status, d.id)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(items, ","))
}

// do is what a client would do, without a network: time does not stand still in it.
func (f *fakeEngine) do(ctx context.Context, _ int64, method, path string, header http.Header, body []byte) (*engine.Response, error) {
	r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	maps.Copy(r.Header, header)
	w := &hungUp{ResponseRecorder: httptest.NewRecorder()}
	f.ServeHTTP(w, r)
	if w.err != nil {
		return nil, w.err
	}
	answer := w.Result()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return &engine.Response{Host: "http://engine.example", Status: answer.StatusCode, Header: answer.Header, Body: b}, nil
}

// hungUp lets a script end the connection.
type hungUp struct {
	*httptest.ResponseRecorder
	err error
}

func hangUp(w http.ResponseWriter) bool {
	w.(*hungUp).err = &engine.Error{Host: "http://engine.example", Why: "it hung up", Err: io.ErrUnexpectedEOF}
	return true
}

// hang gives no answer until the sink asks for none any more.
func (f *fakeEngine) hang(r *request, w http.ResponseWriter) bool {
	f.mu.Unlock()
	<-r.context.Done()
	f.mu.Lock()
	w.(*hungUp).err = r.context.Err()
	return true
}

func answer(w http.ResponseWriter, status int, body string) bool {
	w.WriteHeader(status)
	io.WriteString(w, body)
	return true
}

// A world is a sink with all around it.
type world struct {
	t      *testing.T
	engine *fakeEngine
	spool  *spool.Spool
	sink   *Sink
	ledger *events.Ledger
	log    *logtest.Buffer
	dead   string

	renewals atomic.Int32 // how often new credentials were looked for

	mu     sync.Mutex
	losses []events.Loss
	made   uint64
}

// newWorld makes a sink that speaks to the fake engine without a network.
func newWorld(t *testing.T, f *fakeEngine, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, engine: f, ledger: &events.Ledger{}, log: &logtest.Buffer{}, dead: filepath.Join(t.TempDir(), "dead")}
	f.t, f.stored = t, map[string]document{}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.spool, err = spool.Open(spool.Options{MaxBytes: 64 << 20, MaxAge: 1000 * time.Hour, Sync: "never", Full: "oldest", Log: log, Ledger: w.ledger, Lost: w.lost}); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Spool:      w.spool,
		Encode:     encode,
		DataStream: func(k events.Kind) string { return "logs-sensor." + k.Traits().Dataset + "-default" },
		Ledger:     w.ledger, Lost: w.lost, Log: log,
		Workers: 1, DeadLetter: w.dead,
	}
	if change != nil {
		change(&o)
	}
	w.sink = newSink(o)
	w.sink.do, w.sink.renew = f.do, func() bool { w.renewals.Add(1); return false }
	w.sink.start()
	return w
}

func encode(b []byte, e *events.Event) []byte {
	return fmt.Appendf(b, `{"event":{"id":%q,"action":%q}}`, e.ID, e.Kind)
}

func (w *world) lost(loss events.Loss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses = append(w.losses, loss)
}

// write has so many events of the kind written.
func (w *world) write(kind events.Kind, n int) {
	w.t.Helper()
	batch := make([]*events.Event, n)
	for i := range batch {
		w.made++
		e := &events.Event{Kind: kind, Time: time.Now()}
		binary.BigEndian.PutUint64(e.ID[:], w.made)
		batch[i] = e
	}
	w.ledger.Generated(kind, uint64(n))
	if taken, err := w.sink.Write(w.t.Context(), batch); taken != n || err != nil {
		w.t.Errorf("wrote %d of %d: %v", taken, n, err)
	}
}

// delivered sums what the engine is said to have.
func (w *world) delivered() (n int) {
	for _, count := range w.ledger.Read().Delivered {
		n += int(count)
	}
	return n
}

// close ends all and checks the accounts. The sink has so long for what is left.
func (w *world) close(grace time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), grace)
	defer cancel()
	if err := w.sink.Close(ctx); err != nil {
		w.t.Error(err)
	}
	if err := w.spool.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.ledger.Read().Check(); err != nil {
		w.t.Error(err)
	}
}

// letters reads a dead letter file.
func letters(t *testing.T, path string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(string(b)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}

// sizes lists how many documents each request had.
func (f *fakeEngine) sizes() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]int, len(f.requests))
	for i, r := range f.requests {
		list[i] = len(r.documents)
	}
	return list
}

// idOf is the id of the event that was written as number n, from 1.
func idOf(n uint64) string {
	var id events.ID
	binary.BigEndian.PutUint64(id[:], n)
	return id.String()
}
