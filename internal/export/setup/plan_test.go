// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sensor/internal/export/engine"
)

// engines are those that the golden files are for.
var engines = []string{
	"elasticsearch-8.14.1", "elasticsearch-8.17.0", "elasticsearch-9.1.0", "elasticsearch-serverless",
	"opensearch-2.19.1", "opensearch-3.1.0",
}

func target(t *testing.T, name string) Target {
	t.Helper()
	product, version, _ := strings.Cut(name, "-")
	info := engine.Info{Product: engine.Product(product), Version: version, Serverless: version == "serverless"}
	target, err := NewTarget(info)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func plan(t *testing.T, target Target, change func(*Options)) *Planned {
	t.Helper()
	o := Options{DatasetPrefix: "sensor", Lifecycle: defaultLifecycle()}
	if change != nil {
		change(&o)
	}
	p, err := Plan(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlans holds what --print shows to golden files, and all of them to the version.
func TestPlans(t *testing.T) {
	all := sha256.New()
	golden := func(name string, p *Planned) {
		var got bytes.Buffer
		if err := p.Print(&got); err != nil {
			t.Fatal(err)
		}
		all.Write(got.Bytes())
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("it differs from %s (go test -update writes it anew):\n%s", file,
					difference(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")))
			}
		})
	}
	for _, e := range engines {
		golden(e, plan(t, target(t, e), nil))
	}
	rest := func(p *Planned) *Planned { // without what does not change
		p.Resources = slices.DeleteFunc(p.Resources, func(r Resource) bool { return strings.HasSuffix(r.Name, "@mappings") })
		return p
	}
	golden("elasticsearch-8.14.1-data-stream", rest(plan(t, target(t, "elasticsearch-8.14.1"), func(o *Options) { o.Lifecycle.By = ByDataStream })))
	golden("opensearch-2.19.1-data-stream", rest(plan(t, target(t, "opensearch-2.19.1"), func(o *Options) { o.Lifecycle.By = ByDataStream })))
	golden("elasticsearch-8.14.1-repository", rest(plan(t, target(t, "elasticsearch-8.14.1"), func(o *Options) { o.Lifecycle.Repository = "backup" })))
	golden("opensearch-2.19.1-repository", rest(plan(t, target(t, "opensearch-2.19.1"), func(o *Options) { o.Lifecycle.Repository = "backup" })))
	golden("elasticsearch-8.17.0-endpoint", rest(plan(t, target(t, "elasticsearch-8.17.0"), func(o *Options) {
		o.DatasetPrefix, o.Lifecycle.By = "endpoint.events", ByNothing
	})))
	t.Run("version", func(t *testing.T) { checkVersion(t, hex.EncodeToString(all.Sum(nil))) })
}
