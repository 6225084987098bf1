// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
	"sensor/internal/export/spool"
	"sensor/internal/logtest"
)

// A site is where a real engine's data streams of one test are: logs-deliver.*-NAMESPACE.
type site struct {
	t         *testing.T
	engine    *enginetest.Engine
	namespace string
}

func newSite(t *testing.T, e *enginetest.Engine, namespace string) site {
	t.Helper()
	e.JSON(t, http.MethodPut, "/_index_template/deliver-"+namespace, `{"index_patterns":["logs-deliver.*-`+namespace+`"],"priority":500,"data_stream":{},
		"template":{"settings":{"number_of_replicas":0},"mappings":{"properties":{"event":{"properties":{"sequence":{"type":"long"},"id":{"type":"keyword"},"action":{"type":"keyword"}}}}}}}`, nil)
	return site{t, e, namespace}
}

func (s site) stream(k events.Kind) string {
	return "logs-deliver." + k.Traits().Dataset + "-" + s.namespace
}

func (s site) all() string { return "logs-deliver.*-" + s.namespace }

// sensor is a run of the sensor that writes to the site.
func (s site) sensor(dir string, o engine.Options, change func(*Options)) *world {
	s.t.Helper()
	w := &world{t: s.t, ledger: &events.Ledger{}, log: &logtest.Buffer{}, dead: filepath.Join(dir, "dead")}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.spool, err = spool.Open(spool.Options{Dir: filepath.Join(dir, "spool"), MaxBytes: 64 << 20, Sync: spool.SyncNever, Full: spool.FullOldest, Log: log, Ledger: w.ledger, Lost: w.lost}); err != nil {
		s.t.Fatal(err)
	}
	if o.Log = log; o.Hosts == nil {
		o.Hosts = []string{s.engine.URL}
	}
	client, err := engine.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	options := Options{
		Client: client, Spool: w.spool, DataStream: s.stream, Ledger: w.ledger, Lost: w.lost, Log: log, BulkEvents: 500, DeadLetter: w.dead,
		Encode: func(b []byte, e *events.Event) []byte {
			return fmt.Appendf(b, `{"@timestamp":%q,"event":{"id":%q,"action":%q,"sequence":%d}}`, e.Time.UTC().Format(time.RFC3339Nano), e.ID, e.Kind, e.Sequence)
		},
	}
	if change != nil {
		change(&options)
	}
	w.sink = New(options)
	s.t.Cleanup(client.Close)
	return w
}

// writeNew writes events with ids of a run of the sensor.
func (w *world) writeNew(ids *events.IDs, kind events.Kind, n int) {
	w.t.Helper()
	batch := make([]*events.Event, n)
	for i := range batch {
		w.made++
		batch[i] = &events.Event{Kind: kind, Time: time.Now(), Sequence: w.made, ID: ids.Of(kind.Traits().Class, 0, w.made)}
	}
	w.ledger.Generated(kind, uint64(n))
	if taken, err := w.sink.Write(w.t.Context(), batch); taken != n || err != nil {
		w.t.Errorf("wrote %d of %d: %v", taken, n, err)
	}
}

// Events of all kinds arrive in the data streams of their kinds, with their ids. Two sensors with one boot id, and what one
// of them has sent twice, lose nothing to each other and double nothing.
func TestEngineHasEachOnce(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "once")
		for run := range 2 {
			w := s.sensor(t.TempDir(), engine.Options{}, nil)
			ids := events.NewIDs("6a2c0b1e-0000-4d0b-9d5e-1d2f6c7a9b10", "ebpf")
			for _, kind := range events.Kinds() {
				w.writeNew(&ids, kind, 100)
				w.made -= 100
				w.writeNew(&ids, kind, 100)
			}
			w.close(time.Minute)
			stats, sent := w.sink.Stats(), 100*uint64(len(events.Kinds()))
			if w.delivered() != int(2*sent) || stats.Duplicate != sent || stats.Rejected != 0 {
				t.Errorf("run %d: %+v\n%s", run, stats, w.log)
			}
		}
		if got, want := e.Count(t, s.all(), ""), 2*100*len(events.Kinds()); got != want {
			t.Errorf("the engine has %d documents, want %d", got, want)
		}
		for _, d := range e.Search(t, s.stream(events.KindExec), `{"range":{"event.sequence":{"lt":10}}}`) {
			var source struct{ Event struct{ ID, Action string } }
			if err := json.Unmarshal(d.Source, &source); err != nil || source.Event.ID != d.ID {
				t.Errorf("%s: %s, %v", d.ID, d.Source, err)
			}
		}
	})
}

// What does not fit the mapping goes to the dead letter file with the engine's reason, and holds up nothing.
func TestEngineRefuses(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "refuses")
		w := s.sensor(t.TempDir(), engine.Options{}, func(o *Options) {
			encode := o.Encode
			o.Encode = func(b []byte, e *events.Event) []byte {
				switch e.Sequence {
				case 7:
					return append(b, `{"@timestamp":"2026-11-29T00:00:00Z","event":{"sequence":"a word of the user's"}}`...)
				case 8:
					return append(b, `{"event":{"sequence":8}}`...) // a data stream wants a time
				}
				return encode(b, e)
			}
		})
		ids := events.NewIDs("boot", "ebpf")
		w.writeNew(&ids, events.KindExec, 100)
		w.close(time.Minute)
		list := letters(t, w.dead)
		if got := e.Count(t, s.all(), ""); got != 98 || len(list) != 2 || w.ledger.Read().Dropped["rejected"]["exec"] != 2 {
			t.Fatalf("the engine has %d: %v\n%s", got, list, w.log)
		}
		if reason := fmt.Sprint(list[0]["reason"]); !strings.Contains(reason, "failed to parse field [event.sequence]") || !strings.Contains(reason, "a word of the user's") || list[0]["status"] != 400. {
			t.Errorf("%v", list[0])
		}
		if w.log.Count("word of the user") != 0 {
			t.Errorf("the log has parts of a document: %s", w.log)
		}
	})
}

// An engine that is killed while it takes events has each once when it is back.
func TestEngineIsKilled(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "killed")
		w := s.sensor(t.TempDir(), engine.Options{Timeout: 10 * time.Second}, nil)
		ids := events.NewIDs("boot", "ebpf")
		for range 10 {
			w.writeNew(&ids, events.KindExec, 500)
		}
		for w.delivered() == 0 {
			time.Sleep(time.Millisecond)
		}
		e.Stop(t)
		for range 10 {
			w.writeNew(&ids, events.KindConnect, 500)
		}
		for w.sink.Stats().Outage == nil {
			time.Sleep(time.Millisecond)
		}
		e.Restart(t)
		w.close(2 * time.Minute)
		if got := e.Count(t, s.all(), ""); got != 10_000 || w.delivered() != 10_000 {
			t.Errorf("the engine has %d: %+v\n%s", got, w.sink.Stats(), w.log)
		}
	})
}

// The one door for doubles: the same id in another backing index is new to the engine.
func TestRolloverDoubles(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		s := newSite(t, e, "rollover")
		for range 2 {
			w := s.sensor(t.TempDir(), engine.Options{}, nil)
			w.write(events.KindExec, 1)
			w.close(time.Minute)
			if w.delivered() != 1 {
				t.Fatalf("%+v\n%s", w.sink.Stats(), w.log)
			}
			e.JSON(t, http.MethodPost, "/"+s.stream(events.KindExec)+"/_rollover", "", nil)
		}
		if got := e.Count(t, s.all(), ""); got != 2 {
			t.Errorf("the engine has %d documents: docs/elasticsearch.md says 2", got)
		}
	})
}

// apiKey makes a key that may do what the role says.
func apiKey(t *testing.T, e *enginetest.Engine, name, role string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/_security/api_key", bytes.NewReader([]byte(`{"name":"`+name+`","role_descriptors":{"r":`+role+`}}`)))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(enginetest.AdminUser, enginetest.AdminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var key struct {
		ID  string `json:"id"`
		Key string `json:"api_key"`
	}
	if err := json.NewDecoder(response.Body).Decode(&key); err != nil || key.Key == "" {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	return key.ID + ":" + key.Key
}

// TestEngineKeys: with the least privileges that the docs name events arrive; without one, or with a key that is none, they
// wait, and arrive once the key is good.
func TestEngineKeys(t *testing.T) {
	e := enginetest.Start(t, enginetest.Elasticsearch)
	s := newSite(t, e, "keys")
	good := apiKey(t, e, "good", `{"indices":[{"names":["logs-deliver.*-keys"],"privileges":["auto_configure","create_doc"]}]}`)
	elsewhere := apiKey(t, e, "elsewhere", `{"indices":[{"names":["logs-deliver.file-keys"],"privileges":["auto_configure","create_doc"]}]}`)
	id, _, _ := strings.Cut(good, ":")
	for name, test := range map[string]struct {
		key, told string
	}{
		"none":      {base64.StdEncoding.EncodeToString([]byte(id + ":wrong")), "401 Unauthorized"},
		"elsewhere": {elsewhere, "status=403"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(test.key), 0o600); err != nil {
				t.Fatal(err)
			}
			w := s.sensor(t.TempDir(), engine.Options{APIKeyFile: path}, nil)
			ids := events.NewIDs("boot", "ebpf")
			w.writeNew(&ids, events.KindExec, 50)
			w.writeNew(&ids, events.KindFileWrite, 50)
			for w.log.Count(test.told) == 0 {
				time.Sleep(time.Millisecond)
			}
			if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
				t.Fatal(err)
			}
			w.close(3 * time.Minute)
			if balance := w.ledger.Read(); balance.Delivered["exec"] != 50 || balance.Delivered["file_write"] != 50 {
				t.Errorf("%s\n%s", balance, w.log)
			}
			if log := w.log.String(); strings.Contains(log, good) || strings.Contains(log, strings.TrimPrefix(good, id+":")) || strings.Contains(log, test.key) {
				t.Errorf("the log has a key: %s", log)
			}
		})
	}
	if got := e.Count(t, s.all(), ""); got != 200 {
		t.Errorf("the engine has %d", got)
	}
}
