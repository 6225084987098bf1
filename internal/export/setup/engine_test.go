// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sensor/internal/export/engine"
)

// TestInstall installs everything on real engines; after that there is nothing to do.
func TestInstall(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		p := e.plan(t, nil)
		if found := statesOf(compared(t, e, p)); !slices.Equal(found, []State{Missing}) {
			t.Errorf("before: %s", found)
		}
		if said := e.apply(t, p, false); strings.Count(said, ": created\n") != len(p.Resources) {
			t.Errorf("said:\n%s", said)
		}
		c := compared(t, e, p)
		for _, f := range c.Findings {
			if f.State != Same || f.Diff != "" {
				t.Errorf("after: %s is %s\n%s", f.Name, f.State, f.Diff)
			}
		}
		var said bytes.Buffer
		if err := c.Write(&said, false); err != nil || !strings.HasSuffix(said.String(), "\nNothing is to be done.\n") {
			t.Errorf("said, %v:\n%s", err, said.String())
		}
		if said := e.apply(t, p, false); !strings.HasSuffix(said, "\nNothing was to be done.\n") {
			t.Errorf("said:\n%s", said)
		}
	})
}

// TestOneChange changes one setting of what is installed: it is all that is shown, and it is put right.
func TestOneChange(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		p := e.plan(t, nil)
		e.apply(t, p, false)
		name := "logs-" + e.prefix + "@settings"
		path := "/_component_template/" + name
		changed := e.installed(t, path)
		changed["template"].(object)["settings"].(object)["index"].(object)["refresh_interval"] = "30s"
		e.ask(t, http.MethodPut, path, changed)
		e.index(t, map[string]map[string]any{"exec": goldenDocuments(t)["exec"]})

		c := compared(t, e, p)
		var shown bytes.Buffer
		if err := c.Write(&shown, false); err != nil {
			t.Fatal(err)
		}
		var changes []string
		for line := range strings.Lines(shown.String()) {
			if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
				changes = append(changes, strings.TrimSpace(line))
			}
		}
		if want := []string{"--- installed", "+++ sensor setup", `-      "index.refresh_interval": "30s"`}; !slices.Equal(changes[:2], want[:2]) || !slices.Contains(changes, want[2]) && !slices.Contains(changes, want[2]+",") || len(changes) > 5 {
			t.Errorf("shown:\n%s", shown.String())
		}
		if !reflect.DeepEqual(e.installed(t, path), changed) {
			t.Error("who looks has changed something")
		}
		said := e.apply(t, p, false)
		if !strings.Contains(said, "component template "+name+": changed\n") || strings.Count(said, "unchanged\n") != len(p.Resources)-1 ||
			!strings.HasSuffix(said, "\nPOST /logs-"+e.prefix+".process-default/_rollover\n") {
			t.Errorf("said:\n%s", said)
		}
		e.ask(t, http.MethodPost, "/logs-"+e.prefix+".process-default/_rollover", nil)
		if found := statesOf(compared(t, e, p)); !slices.Equal(found, []State{Same}) {
			t.Errorf("afterwards: %s", found)
		}
	})
}

// TestOthers leaves to others what is theirs, also where the engine has to agree.
func TestOthers(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		p := e.plan(t, nil)
		e.ask(t, http.MethodPut, "/_index_template/logs-"+e.prefix+".process", object{
			"index_patterns": []string{"logs-" + e.prefix + ".process-*"}, "priority": 200, "data_stream": object{},
			"_meta": object{"managed_by": "fleet", "package": object{"name": "endpoint"}},
		})
		if said := e.apply(t, p, false); !strings.Contains(said, "of the integration endpoint has priority 200 and makes these data streams: left out\n") {
			t.Errorf("said:\n%s", said)
		}
		mine := object{"template": object{"settings": object{"number_of_replicas": 0}}}
		e.ask(t, http.MethodPut, "/_component_template/logs-"+e.prefix+"@custom", mine)
		e.ask(t, http.MethodPut, "/_component_template/logs-"+e.prefix+"@settings", mine)
		if err := compared(t, e, p).Apply(t.Context(), e, io.Discard, false); !errors.Is(err, ErrForeign) {
			t.Errorf("error: %v", err)
		}
		e.apply(t, p, true)
		if found := statesOf(compared(t, e, p)); !slices.Equal(found, []State{Served, Same}) {
			t.Errorf("afterwards: %s", found)
		}
		if e.installed(t, "/_component_template/logs-"+e.prefix+"@custom")["template"].(object)["settings"] == nil {
			t.Error("what is the users' own was replaced")
		}
	})
}

// TestIndices looks what the engine makes of the settings.
func TestIndices(t *testing.T) {
	onEngines(t, func(t *testing.T, e *testEngine) {
		e.apply(t, e.plan(t, nil), false)
		e.ask(t, http.MethodPut, "/_component_template/logs-"+e.prefix+"@custom", object{"template": object{"settings": object{"number_of_replicas": 0}}})
		e.index(t, map[string]map[string]any{"exec": goldenDocuments(t)["exec"]})
		want := map[string]string{"index.final_pipeline": "logs-" + e.prefix + "@ingested", "index.mapping.total_fields.limit": "2000", "index.number_of_replicas": "0"}
		if e.target.LogsDB {
			want["index.mode"], want["index.mapping.source.mode"] = "logsdb", "STORED"
		} else {
			want["index.codec"] = "best_compression"
		}
		for name, index := range e.ask(t, http.MethodGet, "/logs-"+e.prefix+".process-default/_settings?flat_settings=true", nil) {
			settings := index.(object)["settings"].(object)
			for setting, value := range want {
				if got, _ := settings[setting].(string); !strings.EqualFold(got, value) {
					t.Errorf("%s: %s is %v, want %s", name, setting, settings[setting], value)
				}
			}
		}
		if e.target.Retention {
			got := e.installed(t, "/_component_template/logs-"+e.prefix+"@settings")["template"].(object)["lifecycle"].(object)["data_retention"]
			if got != "90d" {
				t.Errorf("the data streams keep the data for %v", got)
			}
		}
	})
}

// TestNoEngine tells what is not to be reached.
func TestNoEngine(t *testing.T) {
	client, err := engine.New(engine.Options{Hosts: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := Look(t.Context(), client, target(t, "opensearch-3.1.0").Info); err == nil || !strings.HasPrefix(err.Error(), "look for policies: ") {
		t.Errorf("error: %v", err)
	}
}
