// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "ab", false}, {"", "", true}, {"", "a", false}, {"", "*", true}, {"*", "*", true},
		{"a*", "ab", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"a*c", "abc", true}, {"a*c", "ab", false},
		{"logs-*-*", "logs-sensor.file-default", true}, {"logs-*", "logs-sensor.file-*", true}, {"metrics-*", "logs-sensor.file-*", false},
		{"logs-sensor.process-prod*", "logs-sensor.process-*", true}, {"logs-sensor.process-prod*", "logs-sensor.process-default", false},
		{"a*b", "*c", false}, {"a*b", "*b", true}, {"a*", "*b", true}, {"a*b", "b*a", false}, {"a*b*c", "*x*c", true},
		{"*-prod", "logs-sensor.file-*", true}, {"logs-sensor.f?le-*", "logs-sensor.file-a", false},
	} {
		if ab, ba := overlap(test.a, test.b), overlap(test.b, test.a); ab != test.want || ba != test.want {
			t.Errorf("%q and %q: %v, the other way round %v, want %v", test.a, test.b, ab, ba, test.want)
		}
	}
}

// TestOthersOfNamespace: what serves the data streams of the namespace goes before ours if its priority says so, and an engine
// refuses ours beside one of the same priority. Both are found before anything is written. The engines have to agree.
func TestOthersOfNamespace(t *testing.T) {
	const makes, besides = "priority 150 and makes these data streams: left out\n", "priority 150, too, and makes such data streams of other namespaces: left out\n"
	for _, test := range []struct {
		namespace string
		priority  int
		want      string // "": ours is installed
	}{
		{"prod", 150, makes},
		{"prod1", 150, makes},
		{"prod", 300, strings.Replace(makes, "150", "300", 1)},
		{"prod", 149, ""},
		{"", 150, besides},
		{"", 300, ""},
	} {
		t.Run(test.namespace+" "+strconv.Itoa(test.priority), func(t *testing.T) {
			foreign := func(prefix string) (string, object) {
				return "/_index_template/theirs-" + prefix, object{"index_patterns": []string{"logs-" + prefix + ".process-prod*"}, "priority": test.priority, "data_stream": object{}}
			}
			check := func(t *testing.T, said string, p *Planned) {
				created := strings.Count(said, ": created\n")
				if test.want == "" && created != len(p.Resources) || test.want != "" && (created != len(p.Resources)-1 || !strings.Contains(said, test.want)) {
					t.Errorf("said:\n%s", said)
				}
			}
			t.Run("fake", func(t *testing.T) {
				e := newFakeEngine()
				path, body := foreign("sensor")
				e.installed[path] = body
				p := plan(t, target(t, "elasticsearch-9.1.0"), func(o *Options) { o.Namespace = test.namespace })
				check(t, applied(t, e, p, false), p)
			})
			onEngines(t, func(t *testing.T, e *testEngine) {
				path, body := foreign(e.prefix)
				e.ask(t, http.MethodPut, path, body)
				p := e.plan(t, func(o *Options) { o.Namespace = test.namespace })
				check(t, e.apply(t, p, false), p)
			})
		})
	}
}

// TestPathOfAnyName: names are parts of paths, whatever is in them.
func TestPathOfAnyName(t *testing.T) {
	for prefix, want := range map[string]string{"100%": "100%25", "a%2fb": "a%252fb", "é": "%C3%A9", "sensor": "sensor"} {
		p := plan(t, target(t, "elasticsearch-9.1.0"), func(o *Options) { o.DatasetPrefix = prefix })
		for _, r := range p.Resources {
			if !strings.Contains(r.Path(), "/logs-"+want) || strings.Count(r.Path(), "/") > 3 {
				t.Errorf("%s %q is at %s", r.Kind, r.Name, r.Path())
			}
		}
	}
	onEngines(t, func(t *testing.T, e *testEngine) {
		e.prefix += "%2fé"
		p := e.plan(t, nil)
		e.apply(t, p, false)
		if found := statesOf(compared(t, e, p)); !slices.Equal(found, []State{Same}) {
			t.Errorf("afterwards: %s", found)
		}
		e.index(t, map[string]map[string]any{"exec": goldenDocuments(t)["exec"]})
		streams, err := session{e, e.target}.streams(t.Context(), p)
		if err != nil || !slices.Equal(streams, []string{"logs-" + e.prefix + ".process-default"}) {
			t.Errorf("there are %q, %v", streams, err)
		}
	})
}
