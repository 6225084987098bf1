// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const docFile = "../../docs/metrics.md"

// A metric as the docs have it, and as it is served.
type described struct {
	typ    string
	labels string // sorted
}

func served(t *testing.T) map[string]described {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{reader(t, full()), newFamilies()})
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]described{}
	for _, f := range list {
		var labels []string
		for _, label := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		slices.Sort(labels)
		found[f.GetName()] = described{strings.ToLower(f.GetType().String()), strings.Join(labels, ", ")}
		if help := f.GetHelp(); !strings.HasSuffix(help, ".") || len(help) < 20 {
			t.Errorf("%s says %q", f.GetName(), help)
		}
	}
	return found
}

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The table of docs/metrics.md is what is served.
func TestDocumented(t *testing.T) {
	documented := map[string]described{}
	for line := range strings.Lines(read(t)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		if cells[3] == "" || documented[cells[0]] != (described{}) {
			t.Errorf("%s has no meaning, or two", cells[0])
		}
		documented[cells[0]] = described{cells[1], cells[2]}
	}
	found := served(t)
	for name, want := range found {
		if got := documented[name]; got != want {
			t.Errorf("%s is documented as %+v, want %+v", name, got, want)
		}
	}
	for name := range documented {
		if _, ok := found[name]; !ok {
			t.Errorf("%s is documented, but not served", name)
		}
	}
}

// Alerts ask for what is served, by labels that it has.
func TestDocumentedAlerts(t *testing.T) {
	_, alerts, ok := strings.Cut(read(t), "```yaml\n")
	if !ok {
		t.Fatal("there are none")
	}
	found := served(t)
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`\b((?:sensor|process|go)_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(alerts, -1) {
		name := m[1]
		if base, ok := strings.CutSuffix(name, "_bucket"); ok && found[base].typ == "histogram" {
			name = base
		}
		if _, ok := found[name]; !ok {
			t.Errorf("%s is not served", name)
		}
		asked[name] = true
		for _, label := range regexp.MustCompile(`([a-z]+)(?:=|!=|=~|!~)"`).FindAllStringSubmatch(m[2], -1) {
			if label[1] != "job" && !slices.Contains(strings.Split(found[name].labels, ", "), label[1]) {
				t.Errorf("%s has no label %s", name, label[1])
			}
		}
	}
	for _, name := range []string{"sensor_events_lost_total", "sensor_spool_oldest_age_seconds", "sensor_bulk_requests_total", "process_cpu_seconds_total"} {
		if !asked[name] {
			t.Errorf("nobody is alerted by %s; there are %q", name, slices.Sorted(maps.Keys(asked)))
		}
	}
}
