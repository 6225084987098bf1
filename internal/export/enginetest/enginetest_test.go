// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// template makes a data stream of logs-NAME-*.
func template(t *testing.T, e *Engine, name string) {
	t.Helper()
	e.JSON(t, http.MethodPut, "/_index_template/"+name, `{"index_patterns":["logs-`+name+`-*"],"priority":500,"data_stream":{},
		"template":{"settings":{"number_of_replicas":0},"mappings":{"properties":{"n":{"type":"long"}}}}}`, nil)
}

func bulk(t *testing.T, e *Engine, stream string, ids ...string) {
	t.Helper()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(`{"create":{"_id":"` + id + `"}}` + "\n" + `{"@timestamp":"2026-11-29T00:00:00Z","n":1}` + "\n")
	}
	var answer struct{ Errors bool }
	e.JSON(t, http.MethodPost, "/"+stream+"/_bulk", b.String(), &answer)
	if answer.Errors {
		t.Fatal("the bulk has errors")
	}
}

func TestEngines(t *testing.T) {
	names := map[*Engine]bool{}
	Every(t, func(t *testing.T, e *Engine) {
		var info struct {
			Version struct{ Number string }
		}
		e.JSON(t, http.MethodGet, "/", "", &info)
		if info.Version.Number != e.Version {
			t.Errorf("version is %q, want %q", info.Version.Number, e.Version)
		}
		t.Log(e.Name, e.Version)
		if names[e] {
			t.Error("it is the one that was there before")
		}
		names[e] = true
		template(t, e, "basic")
		bulk(t, e, "logs-basic-a", "1", "2", "3")
		if n := e.Count(t, "logs-basic-*", ""); n != 3 {
			t.Errorf("%d documents, want 3", n)
		}
		if n := e.Count(t, "logs-basic-*", `{"ids":{"values":["2"]}}`); n != 1 {
			t.Errorf("%d documents with that id, want 1", n)
		}
	})
}

func TestEnginesAreShared(t *testing.T) {
	All(t, func(t *testing.T, e *Engine) {
		if again := Start(t, e.Name); again != e {
			t.Error("a second engine was started")
		}
	})
}

func TestSearchFindsAll(t *testing.T) {
	All(t, func(t *testing.T, e *Engine) {
		template(t, e, "many")
		var ids []string
		for i := range 6001 { // more than a page
			ids = append(ids, fmt.Sprintf("id-%d", i))
		}
		seen := map[string]int{}
		for _, id := range ids {
			seen[id]++
		}
		if len(seen) != len(ids) {
			t.Fatalf("%d different ids of %d", len(seen), len(ids))
		}
		bulk(t, e, "logs-many-a", ids...)
		for _, d := range e.Search(t, "logs-many-a", "") {
			seen[d.ID]++
		}
		for id, n := range seen {
			if n != 2 {
				t.Fatalf("%s was found %d times", id, n-1)
			}
		}
	})
}

func TestStopAndRestart(t *testing.T) {
	All(t, func(t *testing.T, e *Engine) {
		template(t, e, "restart")
		bulk(t, e, "logs-restart-a", "1", "2")
		group := e.process.group()
		e.Stop(t)
		if groupRuns(group) {
			t.Error("the engine still runs")
		}
		if _, _, err := e.request(t.Context(), http.MethodGet, "/", nil); err == nil {
			t.Error("the engine still answers")
		}
		e.Restart(t)
		if n := e.Count(t, "logs-restart-a", ""); n != 2 {
			t.Errorf("%d documents after the restart, want 2", n)
		}
	})
}
