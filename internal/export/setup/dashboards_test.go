// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A readObject is a saved object as it is in the file, with the JSON that stands in it as text.
type readObject struct {
	ID, Type   string
	Attributes struct {
		Title         string
		TimeFieldName string
		VisState      string
		PanelsJSON    string
		OptionsJSON   string
		Columns       []string
		Meta          struct{ SearchSourceJSON string } `json:"kibanaSavedObjectMeta"`
	}
	References       []reference
	MigrationVersion map[string]string
}

type readState struct {
	Title, Type string
	Aggs        []struct {
		ID, Type, Schema string
		Params           struct {
			Field, Order, OrderBy string
			Size                  int
		}
	}
	Params object
}

type readPanel struct {
	PanelRefName string
	GridData     struct{ X, Y, W, H int }
}

type readSource struct {
	Query struct{ Query, Language string }
	Index string `json:"indexRefName"`
}

func readDashboards(t *testing.T, prefix string) (objects []readObject) {
	t.Helper()
	for line := range bytes.Lines(Dashboards(prefix)) {
		var o readObject
		decode(t, string(line), &o)
		objects = append(objects, o)
	}
	return objects
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
}

// TestDashboards holds the file to what Kibana and OpenSearch Dashboards ask of one, so far as that can be known without them.
func TestDashboards(t *testing.T) {
	objects := readDashboards(t, "sensor")
	known := map[string]bool{}
	for _, o := range objects {
		if id := o.Type + "/" + o.ID; known[id] {
			t.Errorf("two objects are %s", id)
		} else {
			known[id] = true
		}
	}
	for _, o := range objects {
		if o.Attributes.Title == "" || len(o.MigrationVersion) != 1 || o.MigrationVersion[o.Type] == "" {
			t.Errorf("%s: title %q, format %v", o.ID, o.Attributes.Title, o.MigrationVersion)
		}
		referred := map[string]bool{}
		for _, r := range o.References {
			if !known[r.Type+"/"+r.ID] {
				t.Errorf("%s refers to %s %s, which there is not", o.ID, r.Type, r.ID)
			}
			referred[r.Name] = true
		}
		used := map[string]bool{}
		if text := o.Attributes.Meta.SearchSourceJSON; text != "" {
			var s readSource
			decode(t, text, &s)
			if s.Query.Language != "kuery" {
				t.Errorf("%s: language %q", o.ID, s.Query.Language)
			}
			for _, m := range regexp.MustCompile(`([\w.@]+):`).FindAllStringSubmatch(s.Query.Query, -1) {
				knownField(t, o.ID, m[1])
			}
			if s.Index != "" {
				used[s.Index] = true
			}
		}
		if o.Type == "visualization" {
			checkState(t, o)
		}
		for _, column := range o.Attributes.Columns {
			knownField(t, o.ID, column)
		}
		if o.Type == "dashboard" {
			var panels []readPanel
			decode(t, o.Attributes.PanelsJSON, &panels)
			decode(t, o.Attributes.OptionsJSON, &object{})
			checkGrid(t, panels)
			for _, p := range panels {
				used[p.PanelRefName] = true
			}
		}
		for name := range used {
			if !referred[name] {
				t.Errorf("%s uses %s, which is no reference", o.ID, name)
			}
			delete(referred, name)
		}
		for name := range referred {
			t.Errorf("%s has the reference %s for nothing", o.ID, name)
		}
	}
	if last := objects[len(objects)-1]; last.Type != "dashboard" || len(last.References) != len(objects)-2 {
		t.Errorf("the dashboard shows %d of %d objects", len(last.References), len(objects)-2)
	}
}

func checkState(t *testing.T, o readObject) {
	t.Helper()
	var state readState
	decode(t, o.Attributes.VisState, &state)
	if state.Title != o.Attributes.Title || !slices.Contains([]string{"table", "histogram", "line"}, state.Type) || len(state.Params) == 0 {
		t.Errorf("%s: state of %q, a %s", o.ID, state.Title, state.Type)
	}
	var metrics, others []string
	for i, a := range state.Aggs {
		if a.ID != fmt.Sprint(i+1) {
			t.Errorf("%s: aggregation %d has the id %s", o.ID, i+1, a.ID)
		}
		if a.Type != "count" {
			typ := knownField(t, o.ID, a.Params.Field)
			if (a.Type == "sum" || a.Type == "max") && typ != "long" && typ != "date" {
				t.Errorf("%s: %s of %s, which is %s", o.ID, a.Type, a.Params.Field, typ)
			}
		}
		if a.Schema == "metric" {
			metrics = append(metrics, a.ID)
			continue
		}
		others = append(others, a.Schema)
		if a.Type == "terms" && (!slices.Contains(metrics, a.Params.OrderBy) || a.Params.Size == 0) {
			t.Errorf("%s: terms by %q, %d of them", o.ID, a.Params.OrderBy, a.Params.Size)
		}
	}
	schemas := strings.Join(slices.Compact(others), " ")
	if len(metrics) == 0 || schemas != map[bool]string{true: "bucket", false: "segment group"}[state.Type == "table"] {
		t.Errorf("%s: a %s with %d metrics and %s", o.ID, state.Type, len(metrics), schemas)
	}
}

// knownField gives the type of a field that has to stand in fields.txt.
func knownField(t *testing.T, where, name string) string {
	t.Helper()
	for _, f := range fields() {
		if f.covers(name) {
			return f.typ
		}
	}
	t.Errorf("%s: no field %s", where, name)
	return ""
}

func checkGrid(t *testing.T, panels []readPanel) {
	t.Helper()
	for i, p := range panels {
		a := p.GridData
		if a.W <= 0 || a.H <= 0 || a.X < 0 || a.X+a.W > 48 || a.Y < 0 {
			t.Errorf("%s lies at %+v", p.PanelRefName, a)
		}
		for _, q := range panels[:i] {
			b := q.GridData
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies over %s", p.PanelRefName, q.PanelRefName)
			}
		}
	}
}

// TestDashboardsOfAPrefix: the data view is that of the prefix's data streams.
func TestDashboardsOfAPrefix(t *testing.T) {
	view := readDashboards(t, "endpoint.events")[0]
	if view.Attributes.Title != "logs-endpoint.events.*" || view.Attributes.TimeFieldName != "@timestamp" {
		t.Errorf("the data view is %q by %q", view.Attributes.Title, view.Attributes.TimeFieldName)
	}
}

// TestDashboardsGolden shows in a review what has changed.
func TestDashboardsGolden(t *testing.T) {
	const file = "testdata/dashboards.ndjson"
	got := Dashboards("sensor")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("it differs from %s (go test -update writes it anew):\n%s", file, difference(lines(want), lines(got)))
	}
}

// TestPanelsShowSomething asks the engines what each panel asks them, for golden documents of every kind.
func TestPanelsShowSomething(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		e.apply(t, e.plan(t, nil), false)
		e.index(t, goldenDocuments(t))
		for _, o := range readDashboards(t, e.prefix)[1:] {
			if o.Type == "dashboard" {
				continue
			}
			var s readSource
			decode(t, o.Attributes.Meta.SearchSourceJSON, &s)
			body := object{"size": 0, "query": object{"query_string": object{"query": s.Query.Query}}, "track_total_hits": true}
			if o.Type == "visualization" {
				var state readState
				decode(t, o.Attributes.VisState, &state)
				body["aggs"] = aggregations(state)
			}
			answer := e.ask(t, "POST", "/logs-"+e.prefix+".*/_search", body)
			if total := answer["hits"].(object)["total"].(object)["value"].(float64); total == 0 {
				t.Errorf("%s: no document fits %s", o.ID, s.Query.Query)
			}
			if o.Type == "visualization" && !innermost(answer["aggregations"].(object)) {
				t.Errorf("%s: nothing to be seen in %v", o.ID, answer["aggregations"])
			}
		}
	})
}

// aggregations nests what a panel shows as the dashboards' programs do.
func aggregations(state readState) object {
	metrics := object{}
	for _, a := range state.Aggs {
		if a.Schema == "metric" && a.Type != "count" {
			metrics[a.ID] = object{a.Type: object{"field": a.Params.Field}}
		}
	}
	inner := metrics
	for _, a := range slices.Backward(state.Aggs) {
		switch a.Type {
		case "terms":
			order := a.Params.OrderBy
			if _, ok := metrics[order]; !ok {
				order = "_count"
			}
			around := object{}
			for id, metric := range metrics { // by which it may be ordered
				around[id] = metric
			}
			for id, aggregation := range inner {
				around[id] = aggregation
			}
			inner = object{a.ID: object{"terms": object{"field": a.Params.Field, "size": a.Params.Size, "order": object{order: a.Params.Order}}, "aggs": around}}
		case "date_histogram":
			inner = object{a.ID: object{"date_histogram": object{"field": a.Params.Field, "fixed_interval": "30s"}, "aggs": inner}}
		}
	}
	return inner
}

// innermost tells whether there is a bucket of the innermost aggregation in which each metric has a value.
func innermost(answer object) bool {
	deeper := false
	for _, member := range answer {
		aggregation, ok := member.(object)
		if !ok || aggregation["buckets"] == nil {
			continue
		}
		deeper = true
		for _, bucket := range aggregation["buckets"].([]any) {
			if innermost(bucket.(object)) {
				return true
			}
		}
	}
	if deeper {
		return false
	}
	for _, member := range answer {
		if metric, ok := member.(object); ok {
			if value, ok := metric["value"]; ok && value == nil {
				return false
			}
		}
	}
	return true
}
