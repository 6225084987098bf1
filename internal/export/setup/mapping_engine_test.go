// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/export/engine"
)

// TestDocumentsAreMapped indexes the golden document of each kind and looks what became of it: the mapping of its data
// stream has no field that fields.txt has not, and each has the type that stands there.
func TestDocumentsAreMapped(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		e.apply(t, e.plan(t, nil), false)
		documents := goldenDocuments(t)
		e.index(t, documents)
		properties := map[string]string{}
		for name, index := range e.ask(t, http.MethodGet, "/logs-"+e.prefix+".*/_mapping", nil) {
			found := flatMapping("", index.(object)["mappings"].(object))
			maps.Copy(properties, found)
			for path, typ := range found {
				want := ""
				for _, f := range fields() {
					if f.covers(path) || strings.HasPrefix(f.name, path+".*") {
						want = fmt.Sprint(wantedType(e.target, f, path))
					}
				}
				if typ != want {
					t.Errorf("%s: %s is %s, want %q", name, path, typ, want)
				}
			}
		}
		for kind, document := range documents {
			for _, path := range leaves(document) {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(properties)), func(p string) bool { return path == p || strings.HasPrefix(path, p+".") }) {
					t.Errorf("%s: %s is in no mapping", kind, path)
				}
			}
		}
	})
}

// TestSearches looks for what is hard to find, or hard to take in.
func TestSearches(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		e.apply(t, e.plan(t, nil), false)
		long := strings.Repeat("é", longest) // two bytes each
		raw := object{"process": object{"args": strings.Repeat("ff00", 40_000)}, "exec": object{"filename": "ff00"}}
		documents := map[string]map[string]any{
			"exec": goldenDocuments(t)["exec"], "long": goldenDocuments(t)["exec"], "audit": goldenDocuments(t)["audit"], "newer": goldenDocuments(t)["exec"],
		}
		process := documents["long"]["process"].(object)
		process["args"] = []any{"printf", long, strings.Repeat("x", 70_000), "last"}
		process["command_line"] = "printf " + strings.Repeat("x ", 40_000) + "needle"
		process["title"] = process["command_line"]
		process["executable"] = "/" + strings.Repeat("p", 4094)
		documents["long"]["sensor"].(object)["raw"] = raw
		documents["long"]["@timestamp"] = "2026-11-23T17:00:05.123456789Z"
		documents["audit"]["auditd"].(object)["data"].(object)["data"] = strings.Repeat("é", longestOpen)
		documents["newer"]["sensor"].(object)["of"] = object{"the": "2027-01-01T00:00:00Z", "future": 1}
		e.index(t, documents)

		for _, search := range []struct {
			where string
			query object
			want  string
		}{
			{"process", object{"match": object{"process.command_line.text": "needle"}}, "long"},
			{"process", object{"wildcard": object{"process.command_line": "*-fsS*198.51.100.7*"}}, "exec newer"},
			{"process", object{"term": object{"process.args": long}}, "long"},
			{"process", object{"term": object{"process.args": "last"}}, "long"},
			{"process", object{"term": object{"process.executable": process["executable"]}}, "long"},
			{"process", object{"prefix": object{"process.executable": "/ppp"}}, "long"},
			{"process", object{"term": object{"host.ip": "10.0.0.0/8"}}, "exec long newer"},
			{"process", object{"range": object{"@timestamp": object{"gte": "2026-11-23T17:00:05.123Z"}}}, "long"},
			{"process", object{"range": object{"process.pid": object{"lt": 5000}}}, "exec long newer"},
			{"process", object{"range": object{"event.ingested": object{"gte": "now-1h", "lte": "now+1h"}}}, "exec long newer"},
			{"process", object{"term": object{"sensor.of.the": "2027-01-01T00:00:00Z"}}, "newer"},
			{"audit", object{"term": object{"auditd.data.syscall": "connect"}}, "audit"},
			{"audit", object{"term": object{"auditd.data.socket.addr": "198.51.100.7"}}, "audit"},
			{"audit", object{"term": object{"auditd.paths.name": "/etc/passwd"}}, "audit"},
			{"audit", object{"exists": object{"field": "auditd.data.data"}}, "audit"},
		} {
			if got := e.search(t, search.where, search.query); got != search.want {
				t.Errorf("%.200v: found %q, want %q", search.query, got, search.want)
			}
		}
		if e.target.Wildcard {
			if got := e.search(t, "process", object{"wildcard": object{"process.command_line": "*x needle"}}); got != "long" {
				t.Errorf("the end of a long command line: found %q", got)
			}
		}
		if e.target.Product == engine.Elasticsearch {
			if got := e.search(t, "process", object{"term": object{"sensor.raw.exec.filename": "ff00"}}); got != "long" {
				t.Errorf("raw bytes: found %q", got)
			}
		}
		e.unchanged(t, "process", "long", documents["long"])
	})
}

// search gives the ids of the documents found in a data stream, sorted.
func (e *testEngine) search(t *testing.T, category string, query object) string {
	t.Helper()
	answer := e.ask(t, http.MethodPost, "/logs-"+e.prefix+"."+category+"-default/_search", object{"query": query, "_source": false})
	var ids []string
	for _, hit := range answer["hits"].(object)["hits"].([]any) {
		ids = append(ids, hit.(object)["_id"].(string))
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// unchanged wants the document as it was sent, but for when it was taken in.
func (e *testEngine) unchanged(t *testing.T, category, id string, sent object) {
	t.Helper()
	query := object{"query": object{"ids": object{"values": []string{id}}}}
	answer := e.ask(t, http.MethodPost, "/logs-"+e.prefix+"."+category+"-default/_search", query)
	found := answer["hits"].(object)["hits"].([]any)[0].(object)["_source"].(object)
	event := found["event"].(object)
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(event["ingested"])); err != nil {
		t.Errorf("event.ingested: %v", err)
	}
	delete(event, "ingested")
	var want object
	text, err := json.Marshal(sent)
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(found, want) {
		text, err := diff(want, found)
		t.Errorf("%s comes back otherwise than it was sent: %v\n%s", id, err, text)
	}
}

// wantedType is the type by which an engine is to know the path, which the field covers.
func wantedType(target Target, f field, path string) any {
	for _, name := range openObjects {
		if name == path {
			return target.open(name)["type"]
		}
	}
	return target.typed(f.typ)["type"]
}

// flatMapping gives the type of each field by its path. Multi-fields are left out.
func flatMapping(path string, mapping object) map[string]string {
	found := map[string]string{}
	properties, ok := mapping["properties"].(object)
	if !ok {
		if typ, ok := mapping["type"].(string); ok {
			found[path] = typ
		}
		return found
	}
	for name, inner := range properties {
		maps.Copy(found, flatMapping(strings.TrimPrefix(path+"."+name, "."), inner.(object)))
	}
	return found
}

// index puts documents into the data streams of the test's prefix. The engine has to take all.
func (e *testEngine) index(t *testing.T, documents map[string]map[string]any) {
	t.Helper()
	var body bytes.Buffer
	for id, document := range documents {
		category := strings.TrimPrefix(document["data_stream"].(object)["dataset"].(string), "sensor.")
		for _, line := range []any{object{"create": object{"_index": "logs-" + e.prefix + "." + category + "-default", "_id": id}}, document} {
			text, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			body.Write(append(text, '\n'))
		}
	}
	answer := e.ask(t, http.MethodPost, "/_bulk?refresh=true", body.String())
	for _, item := range answer["items"].([]any) {
		if created := item.(object)["create"].(object); created["error"] != nil {
			t.Errorf("%s: %v", created["_id"], created["error"])
		}
	}
}
