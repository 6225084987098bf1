// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sensor/internal/events"
)

var update = flag.Bool("update", false, "write fields.txt and the golden files anew")

var (
	fieldCell   = regexp.MustCompile("^`([^`]+)`$")
	includeCell = regexp.MustCompile("^(?:`([^`]+)` \\+ )?\\[[^\\]]+\\]\\(#([^)]+)\\)$")
)

// tables gives the rows below "| field | type |" of docs/events.md by the anchors of their headings.
func tables(t *testing.T) map[string][][]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][][]string{}
	var at string
	var within bool
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			at = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#"))), " ", "-")
		case strings.HasPrefix(line, "| field | type |"):
			within = true
		case !strings.HasPrefix(line, "|"):
			within = false
		case within && !strings.HasPrefix(line, "| ---"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			found[at] = append(found[at], cells)
		}
	}
	return found
}

// documented adds the fields of the table at the anchor, and of those that it names, with their types.
func documented(t *testing.T, all map[string][][]string, at, prefix string, fields map[string]string) {
	t.Helper()
	if len(all[at]) == 0 {
		t.Fatalf("docs/events.md has no table under #%s", at)
	}
	for _, cells := range all[at] {
		if m := includeCell.FindStringSubmatch(cells[0]); m != nil {
			documented(t, all, m[2], prefix+m[1], fields)
			continue
		}
		m := fieldCell.FindStringSubmatch(cells[0])
		if m == nil {
			t.Fatalf("#%s: %q is neither a field nor a table", at, cells[0])
		}
		field, typ := prefix+m[1], strings.TrimSuffix(cells[1], "[]")
		if was := fields[field]; was != "" && was != typ {
			t.Errorf("%s is documented as %s and as %s", field, was, typ)
		}
		fields[field] = typ
	}
}

// TestFieldsAreThoseOfTheDocs holds fields.txt to the tables of docs/events.md, which
// a test of the encoder holds to what it writes.
func TestFieldsAreThoseOfTheDocs(t *testing.T) {
	all := tables(t)
	fields := map[string]string{}
	for _, kind := range events.Kinds() {
		documented(t, all, kind.String(), "", fields)
	}
	var want bytes.Buffer
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintln(&want, field, fields[field])
	}
	if *update {
		if err := os.WriteFile("fields.txt", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		fieldTable = want.String() // for the golden files, which are written after it
	}
	got, err := os.ReadFile("fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/events.md has other fields than fields.txt: run go test ./internal/export/setup -update\n%s",
			difference(strings.Split(string(got), "\n"), strings.Split(want.String(), "\n")))
	}
}

// TestFieldsDoNotClash finds a field that other fields lie below: an engine
// refuses documents in which it is both a value and an object.
func TestFieldsDoNotClash(t *testing.T) {
	list := fields()
	for _, f := range list {
		for _, g := range list {
			if strings.HasPrefix(g.name, f.name+".") {
				t.Errorf("%s is a value, and %s lies below it", f.name, g.name)
			}
		}
	}
}

// TestGoldenDocumentsAreMapped finds fields of the encoder's golden documents that have no
// type of their own here.
func TestGoldenDocumentsAreMapped(t *testing.T) {
	list := fields()
	for kind, document := range goldenDocuments(t) {
		for _, path := range leaves(document) {
			if !slices.ContainsFunc(list, func(f field) bool { return f.covers(path) }) {
				t.Errorf("%s has %s, which is in no row of fields.txt", kind, path)
			}
		}
	}
}

// goldenDocuments are the encoder's, by kind.
func goldenDocuments(t *testing.T) map[string]map[string]any {
	t.Helper()
	documents := map[string]map[string]any{}
	for _, kind := range events.Kinds() {
		text, err := os.ReadFile(filepath.Join("../../events/ecs/testdata", kind.String()+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		documents[kind.String()] = document
	}
	return documents
}

// leaves lists the paths of a document's values, sorted, each once.
func leaves(document map[string]any) []string {
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(path+"."+name, member)
			}
		case []any:
			for _, element := range v {
				walk(path, element)
			}
		default:
			found[path[1:]] = true
		}
	}
	walk("", document)
	return slices.Sorted(maps.Keys(found))
}

// TestFieldLimit counts the fields that an index may come to have. Those of open objects are one each.
func TestFieldLimit(t *testing.T) {
	count := 0
	var walk func(mapping object)
	walk = func(mapping object) {
		count++
		if fields, ok := mapping["fields"].(object); ok {
			count += len(fields)
		}
		if properties, ok := mapping["properties"].(object); ok {
			for _, inner := range properties {
				walk(inner.(object))
			}
		}
	}
	for _, name := range engines {
		count = 0
		walk(mapping(target(t, name)))
		fixed := count
		kinds, stages := int(events.KindCount)+1, int(events.ReasonShutdown)+1
		for _, f := range fields() {
			switch under, open := strings.CutSuffix(f.name, ".*"); {
			case !open || slices.ContainsFunc(openObjects, func(o string) bool { return under == o || strings.HasPrefix(under, o+".") }):
			case under == "sensor.metrics.dropped":
				count += stages * (kinds + 1)
			default:
				count += kinds + 1 // of the other sets none is larger
			}
		}
		if count > fieldLimit {
			t.Errorf("%s: %d fields and up to %d more, the limit is %d", name, fixed, count-fixed, fieldLimit)
		}
		t.Logf("%s: %d fields and up to %d more", name, fixed, count-fixed)
	}
}

// TestOpenSetsAreTyped: what lies below "x.*" is mapped as the engine sees it, which gives text and whole numbers their types.
func TestOpenSetsAreTyped(t *testing.T) {
	for _, f := range fields() {
		if strings.HasSuffix(f.name, "*") && f.typ != "keyword" && f.typ != "long" {
			t.Errorf("%s is %s: it needs a dynamic template of its own", f.name, f.typ)
		}
	}
}
