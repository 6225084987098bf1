// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"sensor/internal/events"
)

var update = flag.Bool("update", false, "write what is instead of comparing with what should be")

const hooksDoc = "../../docs/hooks.md"

// TestHooksDocument holds docs/hooks.md to the tables that the loader uses.
func TestHooksDocument(t *testing.T) {
	text, err := os.ReadFile(hooksDoc)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, rows := range map[string][]string{"hooks": hookRows(), "kinds": kindRowsDoc()} {
		section := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n\|[^\n]*\n\|[^\n]*\n).*?(<!-- /` + name + ` -->)`)
		if !section.MatchString(want) {
			t.Fatalf("%s has no table between the marks of %s", hooksDoc, name)
		}
		want = section.ReplaceAllString(want, "${1}"+strings.ReplaceAll(strings.Join(rows, ""), "$", "$$")+"${2}")
	}
	if want == string(text) {
		return
	}
	if *update {
		if err := os.WriteFile(hooksDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s differs from the code: run go test ./internal/probes -run TestHooksDocument -update", hooksDoc)
}

func hookRows() []string {
	var rows []string
	for _, p := range programs() {
		args := "fixed"
		if p.args != nil {
			args = "`" + strings.ReplaceAll(strings.Join(p.args, ", "), "|", "` or `") + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | `%s` | %s | %s | %s |\n", p.name, p.typ, p.hook, args, p.since, p.why))
	}
	return rows
}

func kindRowsDoc() []string {
	var rows []string
	for _, row := range kindRows() {
		traits := row.kind.Traits()
		var variants []string
		for _, v := range row.variants {
			programs := "/proc"
			if len(v.programs) > 0 {
				var steps []string
				for _, step := range v.programs {
					steps = append(steps, stepDoc(step))
				}
				programs = strings.Join(steps, ", ")
			}
			variants = append(variants, v.name+": "+programs)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", traits.Name, traits.Class, yes(traits.Default), strings.Join(variants, "; ")))
	}
	return rows
}

// stepDoc writes the programs of which a variant needs one; in parentheses if it does without.
func stepDoc(step string) string {
	names, optional := strings.CutSuffix(step, "|")
	text := "`" + strings.Join(alternatives(names), "` or `") + "`"
	if optional {
		return "(" + text + ")"
	}
	return text
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

// TestTables holds the tables of kinds and programs to each other, to the BPF
// object and to the kinds that there are.
func TestTables(t *testing.T) {
	objects := objects(t)
	used := map[string]bool{}
	served := map[events.Kind]bool{}
	for _, row := range kindRows() {
		if served[row.kind] {
			t.Errorf("kind %s has two rows", row.kind)
		}
		served[row.kind] = true
		if row.decode == nil || len(row.variants) == 0 {
			t.Errorf("kind %s lacks a decoder or a variant", row.kind)
		}
		for _, v := range row.variants {
			if len(v.programs) > 0 && !slices.ContainsFunc(v.programs, func(step string) bool { return !strings.HasSuffix(step, "|") }) {
				t.Errorf("kind %s, variant %s: it would serve without any program", row.kind, v.name)
			}
			for _, step := range v.programs {
				for _, name := range alternatives(step) {
					used[name] = true
				}
				if alternatives(step)[0] == "" {
					t.Errorf("kind %s, variant %s: step %q begins with no program", row.kind, v.name, step)
				}
			}
		}
	}
	for _, kind := range events.Kinds() {
		if want := kind < events.KindUIDChange; served[kind] != want { // the others are in no BPF record
			t.Errorf("kind %s: it has a row: %v, want %v", kind, served[kind], want)
		}
	}
	delete(used, "") // of a step that may be missing
	listed := map[string]bool{}
	for _, p := range programs() {
		if listed[p.name] {
			t.Errorf("program %s has two rows", p.name)
		}
		listed[p.name] = true
		spec := objectOf(objects, p.name)
		if spec == nil {
			t.Errorf("program %s is in no object", p.name)
			continue
		}
		if section := spec.Programs[p.name].SectionName; section != p.typ+"/"+p.hook {
			t.Errorf("program %s is in section %s, the table says %s/%s", p.name, section, p.typ, p.hook)
		}
		if !used[p.name] {
			t.Errorf("program %s serves no kind", p.name)
		}
	}
	for _, spec := range objects {
		for name := range spec.Programs {
			if !listed[name] && name != fileProgSelf { // which has no hook
				t.Errorf("program %s of the object is not in the table", name)
			}
		}
	}
	for name := range used {
		if !listed[name] {
			t.Errorf("program %s of a variant is not in the table", name)
		}
	}
}

// objects are the BPF objects of all families.
func objects(t *testing.T) []*ebpf.CollectionSpec {
	t.Helper()
	var specs []*ebpf.CollectionSpec
	for _, row := range familyRows() {
		spec, err := row.load()
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		specs = append(specs, spec)
	}
	return specs
}

// objectOf is the object that holds the program, or nil.
func objectOf(objects []*ebpf.CollectionSpec, program string) *ebpf.CollectionSpec {
	for _, spec := range objects {
		if spec.Programs[program] != nil {
			return spec
		}
	}
	return nil
}
