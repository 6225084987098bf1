// SPDX-License-Identifier: Apache-2.0

// Package internal_test holds the rules of the repository, as tests.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

type goPackage struct {
	ImportPath string
	Name       string
	Doc        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,GoFiles,Imports", "sensor/...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func under(path string, roots ...string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// sourceOf is the source below fallback that a package belongs to; "" for what they share.
func sourceOf(path string) string {
	below, ok := strings.CutPrefix(path, "sensor/internal/fallback/")
	name, _, _ := strings.Cut(below, "/")
	if !ok || name == "multicast" || name == "running" {
		return ""
	}
	return name
}

// TestImports keeps the parts apart: see docs/design.md.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			standard := !strings.Contains(first, ".") && first != "sensor"
			var why string
			switch {
			case under(imported, "github.com/cilium/ebpf") && !under(p.ImportPath, "sensor/internal/probes"):
				why = "only probes knows BPF"
			case p.ImportPath == "sensor/internal/events" && !standard:
				why = "events knows the standard library alone"
			case under(p.ImportPath, "sensor/internal/events") && !standard && !under(imported, "sensor/internal/events", "github.com/go-json-experiment/json"):
				why = "the encoders know events and an escaping library"
			case under(p.ImportPath, "sensor/internal/probes", "sensor/internal/fallback") && under(imported, "sensor/internal/enrich", "sensor/internal/export", "sensor/internal/pipeline"):
				why = "sources know no later stage"
			case under(p.ImportPath, "sensor/internal/probes") && under(imported, "sensor/internal/fallback"),
				under(p.ImportPath, "sensor/internal/fallback") && under(imported, "sensor/internal/probes"):
				why = "the sources do not know each other"
			case sourceOf(p.ImportPath) != "" && sourceOf(imported) != "" && sourceOf(p.ImportPath) != sourceOf(imported):
				why = "the sources do not know each other"
			case under(imported, "sensor/internal/compare") && !under(p.ImportPath, "sensor/internal/compare", "sensor/cmd"):
				why = "nobody depends on the comparison"
			case under(p.ImportPath, "sensor/internal/pipeline") && under(imported, "sensor/internal/enrich", "sensor/internal/export", "sensor/internal/probes", "sensor/internal/fallback"):
				why = "the pipeline knows interfaces; cmd wires"
			case under(p.ImportPath, "sensor/internal/export", "sensor/internal/metrics") && under(imported, "sensor/internal/enrich", "sensor/internal/pipeline", "sensor/internal/probes", "sensor/internal/fallback"):
				why = "outputs know events; cmd wires"
			case under(imported, "sensor/internal/export/elasticsearch", "sensor/internal/export/setup") && under(p.ImportPath, "sensor/internal"):
				why = "only cmd delivers"
			case under(imported, "sensor/internal/export/enginetest", "sensor/internal/logtest"):
				why = "it is for tests"
			case under(p.ImportPath, "sensor/internal/metrics") && under(imported, "sensor/internal") && imported != "sensor/internal/events":
				why = "metrics are told by events"
			case under(p.ImportPath, "sensor/internal") && under(imported, "sensor/cmd", "sensor/vmtests"):
				why = "the product does not know its tests"
			}
			if why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

// TestPackageComments wants one for each package, in the usual form.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests alone
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment does not begin with %q: %.60q", p.ImportPath, want, p.Doc)
		}
	}
}
