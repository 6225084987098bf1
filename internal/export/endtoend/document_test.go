// SPDX-License-Identifier: Apache-2.0

package endtoend_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

// TestDocumentsComeBack delivers an event of each kind and compares what a search finds with what was sent, field by field. The
// engine adds nothing but the time at which it took the document.
func TestDocumentsComeBack(t *testing.T) {
	enginetest.Every(t, func(t *testing.T, e *enginetest.Engine) {
		install(t, e)
		begin := time.Now()
		s := open(t, "comeback", engine.Options{Hosts: []string{e.URL}})
		sent := map[string]*events.Event{}
		for _, kind := range events.Kinds() {
			for _, event := range s.write(kind, 1) {
				sent[event.ID.String()] = event
			}
		}
		s.close()
		if n := s.refused(); n != 0 {
			t.Errorf("%d documents were refused:\n%s", n, s.log)
		}
		for _, kind := range events.Kinds() {
			stream := s.stream(kind)
			found := e.Search(t, stream, `{"term":{"event.id":"`+idOf(t, sent, kind)+`"}}`)
			if len(found) != 1 {
				t.Errorf("%s: %d documents in %s, want 1", kind, len(found), stream)
				continue
			}
			if found[0].ID != idOf(t, sent, kind) {
				t.Errorf("%s: _id is %s", kind, found[0].ID)
			}
			want := fields(t, s.encode(nil, sent[found[0].ID]))
			got := fields(t, found[0].Source)
			ingested, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["event.ingested"]))
			if err != nil || ingested.Before(begin.Add(-time.Second)) || ingested.After(time.Now().Add(time.Second)) {
				t.Errorf("%s: event.ingested is %v", kind, got["event.ingested"])
			}
			delete(got, "event.ingested")
			for path := range want {
				if !reflect.DeepEqual(got[path], want[path]) {
					t.Errorf("%s: %s is %v, want %v", kind, path, got[path], want[path])
				}
			}
			for path := range got {
				if _, ok := want[path]; !ok {
					t.Errorf("%s: %s is %v, which was not sent", kind, path, got[path])
				}
			}
		}
		if n := e.Count(t, s.all(), ""); n != len(sent) {
			t.Errorf("%d documents, want %d", n, len(sent))
		}
	})
}

func idOf(t *testing.T, sent map[string]*events.Event, kind events.Kind) string {
	t.Helper()
	for id, event := range sent {
		if event.Kind == kind {
			return id
		}
	}
	t.Fatalf("no %s was sent", kind)
	return ""
}

// fields is a document with the path of each value. Arrays are values.
func fields(t *testing.T, document []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Fatal(err)
	}
	flat := map[string]any{}
	flatten("", object, flat)
	return flat
}

func flatten(path string, object, flat map[string]any) {
	for name, value := range object {
		if inner, ok := value.(map[string]any); ok {
			flatten(path+name+".", inner, flat)
			continue
		}
		flat[path+name] = value
	}
}

// TestSensorsLoseNothingToEachOther lets two sensors, and a second run of one of them in the same boot, deliver the same kinds with
// the same numbers.
func TestSensorsLoseNothingToEachOther(t *testing.T) {
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		install(t, e)
		const each = 200
		var ids []string
		for range 3 {
			s := open(t, "sensors", engine.Options{Hosts: []string{e.URL}})
			for _, kind := range []events.Kind{events.KindExec, events.KindConnect, events.KindFileWrite} {
				for _, event := range s.write(kind, each) {
					ids = append(ids, event.ID.String())
				}
			}
			balance := s.close()
			if s.sink.Stats().Duplicate != 0 || balance.Delivered["exec"] != each {
				t.Errorf("delivered %v, of which doubles %d", balance.Delivered, s.sink.Stats().Duplicate)
			}
		}
		var found []string
		for _, d := range e.Search(t, "logs-"+prefix+".*-sensors", "") {
			found = append(found, d.ID)
		}
		slices.Sort(ids)
		slices.Sort(found)
		if !slices.Equal(ids, found) {
			t.Errorf("%d documents for %d events, or other ones", len(found), len(ids))
		}
	})
}
