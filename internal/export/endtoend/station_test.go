// SPDX-License-Identifier: Apache-2.0

package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/elasticsearch"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
	"sensor/internal/export/setup"
	"sensor/internal/export/spool"
	"sensor/internal/logtest"
)

const prefix = "sensor"

// install has setup prepare the engine, as for any sensor.
func install(t *testing.T, e *enginetest.Engine) {
	t.Helper()
	client, err := engine.New(engine.Options{Hosts: []string{e.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	info, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := setup.Look(t.Context(), client, info)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := setup.Plan(target, setup.Options{DatasetPrefix: prefix, Lifecycle: setup.Lifecycle{By: setup.ByDataStream, Delete: 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	comparison, err := setup.Compare(t.Context(), client, plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := comparison.Apply(t.Context(), client, io.Discard, false); err != nil {
		t.Fatal(err)
	}
}

// station is the end of a sensor that delivers to the data streams of a namespace: output, spool, connection and ledger.
type station struct {
	t         *testing.T
	namespace string
	documents map[events.Kind][]byte
	ledger    events.Ledger
	ids       events.IDs
	sequence  uint64
	spool     *spool.Spool
	sink      *elasticsearch.Sink
	log       *logtest.Buffer
	dead      string // path of the dead letter file
	closed    bool
}

// open makes a station with a spool on disk. The connection says where to, and whatever else is special to it.
func open(t *testing.T, namespace string, connection engine.Options) *station {
	t.Helper()
	dir := t.TempDir()
	s := &station{
		t: t, namespace: namespace, documents: documents(t), ids: events.NewIDs("boot", "endtoend"), log: &logtest.Buffer{},
		dead: filepath.Join(dir, "refused"),
	}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	connection.Log = log
	client, err := engine.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.spool, err = spool.Open(spool.Options{
		Dir: filepath.Join(dir, "spool"), MaxBytes: 64 << 20, Sync: spool.SyncInterval, Full: spool.FullOldest, Log: log, Ledger: &s.ledger, Lost: s.lost,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.sink = elasticsearch.New(elasticsearch.Options{
		Client: client, Spool: s.spool, Encode: s.encode, DataStream: s.stream, Ledger: &s.ledger, Lost: s.lost, Log: log,
		BulkEvents: bulkEvents, DeadLetter: s.dead,
	})
	t.Cleanup(func() { // of a test that gave up
		if !s.closed {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, _ = s.sink.Close(ctx), s.spool.Close()
		}
	})
	return s
}

// bulkEvents is how many events a request has at most.
const bulkEvents = 50

func (s *station) stream(k events.Kind) string {
	return "logs-" + prefix + "." + k.Traits().Dataset + "-" + s.namespace
}

// all is a pattern for the data streams of the station.
func (s *station) all() string { return "logs-" + prefix + ".*-" + s.namespace }

// encode gives the golden document of the event's kind, under the event's own id and in the station's namespace.
func (s *station) encode(b []byte, e *events.Event) []byte {
	document := bytes.Replace(s.documents[e.Kind], []byte(`"id":"`+goldenID+`"`), []byte(`"id":"`+e.ID.String()+`"`), 1)
	return append(b, bytes.Replace(document, []byte(`"namespace":"default"`), []byte(`"namespace":"`+s.namespace+`"`), 1)...)
}

// write hands n new events of a kind to the output, and returns them.
func (s *station) write(kind events.Kind, n int) []*events.Event {
	s.t.Helper()
	batch := make([]*events.Event, n)
	for i := range batch {
		s.sequence++
		batch[i] = &events.Event{Kind: kind, Time: time.Now(), ID: s.ids.Of(kind.Traits().Class, 0, s.sequence)}
	}
	s.ledger.Generated(kind, uint64(n))
	if taken, err := s.sink.Write(s.t.Context(), batch); taken != n || err != nil {
		s.t.Fatalf("%d of %d events were taken: %v", taken, n, err)
	}
	return batch
}

// lost makes no event of a loss: the tests look at the ledger.
func (s *station) lost(events.Loss) {}

// close delivers what is left, and wants the books to balance with an empty spool.
func (s *station) close() events.Balance {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	s.closed = true
	if err := s.sink.Close(ctx); err != nil {
		s.t.Error(err)
	}
	if err := s.spool.Close(); err != nil {
		s.t.Error(err)
	}
	balance := s.ledger.Read()
	if err := balance.Check(); err != nil {
		s.t.Error(err)
	}
	if len(balance.Spooled) > 0 {
		s.t.Errorf("not delivered: %v\n%s", balance.Spooled, s.log)
	}
	return balance
}

// refused is how many events the dead letter file has.
func (s *station) refused() int {
	s.t.Helper()
	text, err := os.ReadFile(s.dead)
	if err != nil {
		s.t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// goldenID is the id of the event in each golden document.
const goldenID = "AAECAwQFBgcICQoLDA0ODw"

// documents are what the encoder writes for an event of each kind that has everything.
func documents(t *testing.T) map[events.Kind][]byte {
	t.Helper()
	list := map[events.Kind][]byte{}
	for _, kind := range events.Kinds() {
		text, err := os.ReadFile(filepath.Join("..", "..", "events", "ecs", "testdata", kind.String()+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, text); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(line.Bytes(), []byte(goldenID)); n != 1 {
			t.Fatalf("the golden document of %s has its id %d times", kind, n)
		}
		list[kind] = line.Bytes()
	}
	return list
}
