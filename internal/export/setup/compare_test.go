// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"sensor/internal/export/engine"
)

// installed has everything of a plan.
func installed(t *testing.T, p *Planned) *fakeEngine {
	t.Helper()
	e := newFakeEngine()
	if err := compared(t, e, p).Apply(t.Context(), e, io.Discard, false); err != nil {
		t.Fatal(err)
	}
	e.written = nil
	return e
}

// TestNothingToDo installs each plan a second time: whatever an engine adds by itself is no difference.
func TestNothingToDo(t *testing.T) {
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			p := plan(t, target(t, name), func(o *Options) { o.Lifecycle.Repository = "backup" })
			e := installed(t, p)
			c := compared(t, e, p)
			for _, f := range c.Findings {
				if f.State != Same || f.Diff != "" {
					t.Errorf("%s is %s:\n%s", f.Name, f.State, f.Diff)
				}
			}
			if err := c.Apply(t.Context(), e, io.Discard, true); err != nil || len(e.written) > 0 {
				t.Errorf("written: %q, %v", e.written, err)
			}
		})
	}
}

// TestChanges finds what differs, shows it, and puts it right.
func TestChanges(t *testing.T) {
	for name, test := range map[string]struct {
		engine, path string
		change       func(installed object)
		diff         string
		put          string
	}{
		"a number in a policy of Elasticsearch": {
			"elasticsearch-9.1.0", "/_ilm/policy/logs-sensor@lifecycle",
			func(o object) { o["policy"].(object)["phases"].(object)["delete"].(object)["min_age"] = "91d" },
			`-        "min_age": "91d"` + "\n" + `+        "min_age": "90d"`,
			"/_ilm/policy/logs-sensor@lifecycle",
		},
		"a timeout in a policy of OpenSearch": {
			"opensearch-3.1.0", "/_plugins/_ism/policies/logs-sensor@lifecycle",
			func(o object) {
				o["policy"].(object)["states"].([]any)[3].(object)["actions"].([]any)[0].(object)["timeout"] = "1h"
			},
			`-            "delete": {},` + "\n" + `-            "timeout": "1h"` + "\n" + `+            "delete": {}`,
			"/_plugins/_ism/policies/logs-sensor@lifecycle?if_seq_no=7&if_primary_term=2",
		},
		"a setting": {
			"opensearch-2.19.1", "/_component_template/logs-sensor@settings",
			func(o object) {
				o["template"].(object)["settings"].(object)["index"].(object)["codec"] = "default"
			},
			`-      "index.codec": "default",` + "\n" + `+      "index.codec": "best_compression",`,
			"/_component_template/logs-sensor@settings",
		},
		"a processor": {
			"elasticsearch-8.14.1", "/_ingest/pipeline/logs-sensor@ingested",
			func(o object) { o["processors"] = []any{} },
			`-  "processors": [],` + "\n" + `+  "processors": [` + "\n" + `+    {` + "\n" + `+      "set": {"copy_from": "_ingest.timestamp",`,
			"/_ingest/pipeline/logs-sensor@ingested",
		},
		"what an older sensor has left": {
			"elasticsearch-8.14.1", "/_index_template/logs-sensor.file",
			func(o object) { o["version"], o["_meta"].(object)["version"], o["priority"] = 0, 0, 140 },
			"", "/_index_template/logs-sensor.file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan(t, target(t, test.engine), nil)
			e := installed(t, p)
			test.change(e.installed[test.path])
			c := compared(t, e, p)
			var shown bytes.Buffer
			if err := c.Write(&shown, false); err != nil || len(e.written) > 0 {
				t.Fatalf("written: %q, %v", e.written, err)
			}
			if !strings.Contains(shown.String(), test.diff) || strings.Count(shown.String(), "\n@@") != 1 {
				t.Errorf("want the difference\n%s\nand no other in\n%s", test.diff, shown.String())
			}
			if err := c.Apply(t.Context(), e, io.Discard, false); err != nil || !slices.Equal(e.written, []string{test.put}) {
				t.Errorf("written: %q, %v; want %s", e.written, err, test.put)
			}
			if found := statesOf(compared(t, e, p)); !slices.Equal(found, []State{Same}) {
				t.Errorf("afterwards: %s", found)
			}
		})
	}
}

// TestWhatOthersHaveMade is left alone unless it is forced.
func TestWhatOthersHaveMade(t *testing.T) {
	p := plan(t, target(t, "elasticsearch-9.1.0"), nil)
	for name, change := range map[string]func(object){
		"not marked":         func(o object) { delete(o, "_meta") },
		"marked as theirs":   func(o object) { o["_meta"].(object)["managed_by"] = "fleet" },
		"marked with nulls":  func(o object) { o["_meta"] = nil },
		"marked by nonsense": func(o object) { o["_meta"] = "sensor" },
	} {
		t.Run(name, func(t *testing.T) {
			e := installed(t, p)
			change(e.installed["/_component_template/logs-sensor@settings"])
			delete(e.installed, "/_index_template/logs-sensor.file")
			c := compared(t, e, p)
			if found := statesOf(c); !slices.Equal(found, []State{Foreign, Missing, Same}) {
				t.Errorf("states: %s", found)
			}
			var shown bytes.Buffer
			if err := c.Write(&shown, false); err != nil || !strings.HasSuffix(shown.String(), "\nNothing would be installed, for what somebody else has made is in the way.\n") {
				t.Errorf("shown, %v:\n%s", err, shown.String())
			}
			err := c.Apply(t.Context(), e, io.Discard, false)
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "component template logs-sensor@settings") || len(e.written) > 0 {
				t.Errorf("error: %v; written: %q", err, e.written)
			}
			err = c.Apply(t.Context(), e, io.Discard, true)
			if want := []string{"/_component_template/logs-sensor@settings", "/_index_template/logs-sensor.file"}; err != nil || !slices.Equal(e.written, want) {
				t.Errorf("by force: error: %v; written: %q", err, e.written)
			}
		})
	}
}

// TestNewer leaves alone what a newer sensor has installed, and says so.
func TestNewer(t *testing.T) {
	p := plan(t, target(t, "opensearch-3.1.0"), nil)
	e := installed(t, p)
	e.installed["/_component_template/logs-sensor@mappings"]["_meta"].(object)["version"] = Version + 1
	e.installed["/_plugins/_ism/policies/logs-sensor@lifecycle"]["policy"].(object)["description"] = "Managed by sensor setup, version 2: anything"
	e.installed["/_ingest/pipeline/logs-sensor@ingested"]["description"] = "Managed by sensor setup, version 2: anything"
	c := compared(t, e, p)
	var said bytes.Buffer
	if err := c.Apply(t.Context(), e, &said, false); err != nil || len(e.written) > 0 {
		t.Errorf("error: %v; written: %q", err, e.written)
	}
	if n := strings.Count(said.String(), "a newer sensor has installed it (version 2, this one has 1): left alone"); n != 3 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
	if err := c.Apply(t.Context(), e, &said, true); err != nil || len(e.written) != 3 {
		t.Errorf("by force: error: %v; written: %q", err, e.written)
	}
}

// TestCustomIsNeverChanged: what users put into the component template that is theirs.
func TestCustomIsNeverChanged(t *testing.T) {
	p := plan(t, target(t, "elasticsearch-9.1.0"), nil)
	e := installed(t, p)
	e.installed["/_component_template/logs-sensor@custom"] = object{"template": object{"settings": object{"number_of_replicas": 2}}}
	c := compared(t, e, p)
	if found := statesOf(c); !slices.Equal(found, []State{Same}) {
		t.Errorf("states: %s", found)
	}
	if err := c.Apply(t.Context(), e, io.Discard, true); err != nil || len(e.written) > 0 {
		t.Errorf("error: %v; written: %q", err, e.written)
	}
}

// TestIntegrationKeepsItsDataStreams: Elastic Defend's templates go on making the data streams that they make.
func TestIntegrationKeepsItsDataStreams(t *testing.T) {
	p := plan(t, target(t, "elasticsearch-9.1.0"), func(o *Options) { o.DatasetPrefix = "endpoint.events" })
	e := newFakeEngine()
	for _, category := range []string{"process", "file", "network"} {
		e.installed["/_index_template/logs-endpoint.events."+category] = object{
			"index_patterns": []string{"logs-endpoint.events." + category + "-*"}, "priority": 200,
			"_meta": object{"package": object{"name": "endpoint"}, "managed_by": "fleet", "managed": true},
		}
	}
	e.installed["/_index_template/mine"] = object{"index_patterns": []string{"logs-*-*", "other"}, "priority": 100}
	c := compared(t, e, p)
	served := 0
	for _, f := range c.Findings {
		if f.State == Served {
			served++
			if want := "index template " + f.Name + " of the integration endpoint has priority 200 and makes these data streams"; f.Why != want {
				t.Errorf("%s: %s", f.Name, f.Why)
			}
		} else if f.State != Missing {
			t.Errorf("%s is %s", f.Name, f.State)
		}
	}
	if served != 3 {
		t.Errorf("%d templates are left to the integration", served)
	}
	if err := c.Apply(t.Context(), e, io.Discard, true); err != nil {
		t.Fatal(err)
	}
	if len(e.written) != len(p.Resources)-3 || slices.Contains(e.written, "/_index_template/logs-endpoint.events.process") {
		t.Errorf("written: %q", e.written)
	}
}

// TestOthersWithHigherPriority: a template of the users' own that goes before ours is said, and ours left out.
func TestOthersWithHigherPriority(t *testing.T) {
	p := plan(t, target(t, "opensearch-3.1.0"), nil)
	e := newFakeEngine()
	e.installed["/_index_template/all-logs"] = object{"index_patterns": []string{"metrics-*", "logs-*"}, "priority": 500}
	var said bytes.Buffer
	if err := compared(t, e, p).Apply(t.Context(), e, &said, false); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(said.String(), "index template all-logs has priority 500 and makes these data streams: left out"); n != len(categories()) {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
}

// TestOldIndices says how data streams that are there get what has changed.
func TestOldIndices(t *testing.T) {
	p := plan(t, target(t, "elasticsearch-9.1.0"), nil)
	e := installed(t, p)
	e.streams = []string{"logs-sensor.file-default"}
	e.installed["/_component_template/logs-sensor@mappings"]["version"] = 0
	var said bytes.Buffer
	if err := compared(t, e, p).Apply(t.Context(), e, &said, false); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(said.String(), "\nPOST /logs-sensor.file-default/_rollover\n") {
		t.Errorf("said:\n%s", said.String())
	}
}

// TestRefusals: an error names the resource, the status, what the engine says, and the right that is missing.
func TestRefusals(t *testing.T) {
	denied := `{"error":{"root_cause":[],"type":"security_exception","reason":"action [cluster:admin/x] is unauthorized for user [u]"},"status":403}`
	for name, test := range map[string]struct {
		engine, request string
		status          int
		body, want      string
	}{
		"no right to read": {"elasticsearch-9.1.0", "GET /_ilm/policy/logs-sensor@lifecycle", 403, denied,
			"read lifecycle policy logs-sensor@lifecycle: ask http://a: it answers 403 Forbidden: security_exception: action [cluster:admin/x] is unauthorized for user [u] (needs the cluster privilege manage_ilm)"},
		"no right to list": {"opensearch-3.1.0", "GET /_index_template", 403, denied,
			"read index templates: ask http://a: it answers 403 Forbidden: security_exception: action [cluster:admin/x] is unauthorized for user [u] (needs the cluster permission indices:admin/index_template/*)"},
		"no right to write": {"opensearch-3.1.0", "PUT /_ingest/pipeline/logs-sensor@ingested", 403, denied,
			"install ingest pipeline logs-sensor@ingested: ask http://a: it answers 403 Forbidden: security_exception: action [cluster:admin/x] is unauthorized for user [u] (needs the cluster permission cluster:admin/ingest/pipeline/*)"},
		"a template that is wrong": {"elasticsearch-9.1.0", "PUT /_index_template/logs-sensor.audit", 400,
			`{"error":{"type":"illegal_argument_exception","reason":"is invalid","caused_by":{"type":"a","reason":"of composition","caused_by":{"type":"b"}}},"status":400}`,
			"install index template logs-sensor.audit: ask http://a: it answers 400 Bad Request: illegal_argument_exception: is invalid: of composition: b"},
		"no handler": {"elasticsearch-9.1.0", "PUT /_ilm/policy/logs-sensor@lifecycle", 400, `{"error":"no handler found for uri"}`,
			"install lifecycle policy logs-sensor@lifecycle: ask http://a: it answers 400 Bad Request: no handler found for uri"},
		"a proxy": {"elasticsearch-9.1.0", "PUT /_index_template/logs-sensor.audit", 404, "<html>\n<p>not here</p>",
			"install index template logs-sensor.audit: ask http://a: it answers 404 Not Found"},
		"an answer of another form": {"elasticsearch-9.1.0", "GET /_component_template/logs-sensor@custom", 200, `{"component_templates":[]}`,
			"read component template logs-sensor@custom: the answer has none"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan(t, target(t, test.engine), nil)
			e := newFakeEngine()
			e.answers[test.request] = engine.Response{Host: "http://a", Status: test.status, Body: []byte(test.body)}
			c, err := Compare(t.Context(), e, p)
			if err == nil {
				err = c.Apply(t.Context(), e, io.Discard, false)
			}
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			var refused *engine.AnswerError
			if test.status >= 300 && (!errors.As(err, &refused) || refused.Status != test.status) {
				t.Errorf("%T has no answer of that status", err)
			}
		})
	}
}
