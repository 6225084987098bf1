// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sensor/internal/events"
)

// Every kind's document is known as one of that kind.
func TestKindsOfDocuments(t *testing.T) {
	files, err := filepath.Glob("../events/ecs/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		d := newDecoder(newNames())
		doc, err := d.decode(line)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "file_integrity" {
			name = "file_rename" // its words are those of the kind that it would be
		}
		if want, ok := events.KindByName(name); ok && doc.kind != want {
			t.Errorf("%s is taken for %s", name, doc.kind)
		}
	}
}

// A document has its fields, however they are written, and however often its relatives were seen.
func TestFields(t *testing.T) {
	d := newDecoder(newNames())
	const line = `{"@timestamp":"2026-11-23T17:00:00Z","event":{"category":["process"],"type":["start"],"action":"exec"},
		"process":{"pid": 7,"name":"a\u0062\/c","args":[ "x" , "y z" ],"parent":{"pid":1,"user":{"id":"0"}},"pid":8},
		"host":{"name":"h","os":{"type":"linux"}},"process.end":null,"empty":{}}`
	for range 2 {
		doc, err := d.decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for id, value := range doc.all() {
			got[d.names.list[id].name] = string(value)
		}
		want := map[string]string{
			"@timestamp": `"2026-11-23T17:00:00Z"`, "event.category": `["process"]`, "event.type": `["start"]`, "event.action": `"exec"`,
			"process.pid": "8", "process.name": `"ab/c"`, "process.args": `["x","y z"]`, "process.parent.pid": "1", "process.parent.user.id": `"0"`,
			"process.end": "null",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if parent := doc.get(d.names, fieldParent); string(parent) != "1" {
			t.Errorf("the parent is %q", parent)
		}
	}
	if len(d.shared) != 1 {
		t.Errorf("%d relatives are remembered, want one", len(d.shared))
	}
}

// Nothing that comes from outside makes the comparison grow without bound.
func TestBounds(t *testing.T) {
	d := newDecoder(newNames())
	for i := range 2 * maxNames {
		line := fmt.Sprintf(`{"@timestamp":"2026-11-23T17:00:00Z","event":{"action":"exec","category":["process"],"type":["start"]},"x%d":1,"process":{"parent":{"pid":%d}}}`, i, i)
		if _, err := d.decode([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.names.list) > maxNames || len(d.names.ids) > maxNames || len(d.shared) > maxSections {
		t.Errorf("%d names, %d relatives", len(d.names.list), len(d.shared))
	}
	if _, err := d.decode([]byte(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100))); err == nil {
		t.Error("a deep document was taken")
	}
}

// Whatever comes, it is read or refused, and what was read can be shown.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../events/ecs/testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"@timestamp":"2026-11-23T17:00:00Z","event":{"action":"x","dataset":"a.audit"},"":{"":[1,{"a":"\ud800"}]},"\u0000":"\u0000"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		d := newDecoder(newNames())
		doc, err := d.decode(line)
		if err != nil {
			return
		}
		var sample map[string]any
		if err := json.Unmarshal(doc.sample(d.names), &sample); err != nil {
			t.Fatalf("the sample is no JSON: %v", err)
		}
		n := 0
		for id, value := range doc.all() {
			n++
			if string(doc.get(d.names, id)) != string(value) {
				t.Fatalf("%s cannot be found", d.names.list[id].name)
			}
		}
		if n != len(sample) {
			t.Fatalf("%d fields, %d in the sample", n, len(sample))
		}
	})
}
