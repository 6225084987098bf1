// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

const docFile = "../../../docs/events.md"

// A section of docs/events.md: the rows of its tables, each a list of cells.
type section struct {
	heading string
	rows    [][]string
}

// sections are the sections of docs/events.md by their anchors.
func sections(t *testing.T) map[string]section {
	t.Helper()
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]section{}
	var at string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			heading := strings.TrimSpace(strings.TrimLeft(line, "#"))
			at = anchor(heading)
			if _, ok := found[at]; ok {
				t.Errorf("two headings have the anchor %s", at)
			}
			found[at] = section{heading: heading}
		}
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| ---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			s := found[at]
			s.rows = append(s.rows, cells)
			found[at] = s
		}
	}
	return found
}

var punctuation = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchor is what a link to a heading says.
func anchor(heading string) string {
	return strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var (
	fieldCell   = regexp.MustCompile("^`([^`]+)`$")
	includeCell = regexp.MustCompile("^(?:`([^`]+)` \\+ )?\\[[^\\]]+\\]\\(#([^)]+)\\)$")
)

// documented gives type by field of the table at the anchor and of those that it names.
func documented(t *testing.T, all map[string]section, at string) map[string]string {
	t.Helper()
	s, ok := all[at]
	if !ok || len(s.rows) == 0 {
		t.Fatalf("%s has no table under #%s", docFile, at)
	}
	if want := []string{"field", "type", "meaning", "source", "absent"}; !slices.Equal(s.rows[0], want) {
		t.Fatalf("#%s: columns %q, want %q", at, s.rows[0], want)
	}
	fields := map[string]string{}
	add := func(field, typ string) {
		if fields[field] != "" {
			t.Errorf("#%s: %s is documented twice", at, field)
		}
		fields[field] = typ
	}
	for _, cells := range s.rows[1:] {
		if len(cells) != 5 {
			t.Errorf("#%s: %d cells in %q", at, len(cells), cells)
			continue
		}
		if m := includeCell.FindStringSubmatch(cells[0]); m != nil {
			for field, typ := range documented(t, all, m[2]) {
				add(m[1]+field, typ)
			}
			continue
		}
		m := fieldCell.FindStringSubmatch(cells[0])
		if m == nil {
			t.Errorf("#%s: %q is neither a field nor a table", at, cells[0])
			continue
		}
		if slices.Contains(cells[1:], "") {
			t.Errorf("#%s: %s has an empty cell", at, m[1])
		}
		add(m[1], cells[1])
	}
	return fields
}

// TestDocumentedFields compares the tables of docs/events.md with what the
// encoder writes for events with everything in them.
func TestDocumentedFields(t *testing.T) {
	all := sections(t)
	for _, kind := range events.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			fields := documented(t, all, anchor(kind.String()))
			produced := mustParse(t, NewEncoder(fullOptions()).Append(nil, full(kind)))
			x := sameText("\xff\x00\xff")
			for path, values := range mustParse(t, NewEncoder(x.options()).Append(nil, x.event(kind))) {
				raw, ok := strings.CutPrefix(path, "sensor.raw.")
				if !ok {
					continue
				}
				if fields[raw] == "" && fields["sensor."+raw] == "" && fields[pattern(raw, fields)] == "" {
					t.Errorf("%s: no field of that name is documented", path)
				}
				produced["sensor.raw.*"] = values
			}
			if kind == events.KindServing || kind == events.KindMetrics {
				delete(fields, "event.category") // of every other event
			}
			gather(produced, fields)
			for _, path := range produced.paths() {
				if fields[path] == "" {
					t.Errorf("%s is produced, but not documented", path)
				} else if err := hasType(produced[path], fields[path]); err != nil {
					t.Errorf("%s is documented as %s: %v", path, fields[path], err)
				}
			}
			for _, path := range slices.Sorted(maps.Keys(fields)) {
				if produced[path] == nil {
					t.Errorf("%s is documented, but never produced", path)
				}
			}
		})
	}
}

// pattern is the longest documented "prefix.*" that the path lies under, or "".
func pattern(path string, fields map[string]string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' && fields[path[:i+1]+"*"] != "" {
			return path[:i+1] + "*"
		}
	}
	return ""
}

// gather puts what is documented by a pattern under the pattern: of several
// fields the values of the one that has the most.
func gather(d document, fields map[string]string) {
	for _, path := range d.paths() {
		if under := pattern(path, fields); under != "" && under != path {
			if len(d[path]) > len(d[under]) {
				d[under] = d[path]
			}
			delete(d, path)
		}
	}
}

// hasType checks the values of a leaf against a type of the tables.
func hasType(values []any, typ string) error {
	typ, list := strings.CutSuffix(typ, "[]")
	if len(values) > 1 && !list {
		return fmt.Errorf("there are %d", len(values))
	}
	for _, v := range values {
		var ok bool
		switch typ {
		case "keyword", "wildcard":
			_, ok = v.(string)
		case "long":
			_, ok = v.(json.Number)
		case "boolean":
			_, ok = v.(bool)
		case "date":
			_, err := time.Parse(time.RFC3339Nano, fmt.Sprint(v))
			ok = err == nil
		case "ip":
			_, err := netip.ParseAddr(fmt.Sprint(v))
			ok = err == nil
		default:
			return fmt.Errorf("no such type")
		}
		if !ok {
			return fmt.Errorf("it is %T %v", v, v)
		}
	}
	return nil
}

// TestDocumentedKinds compares the first table with the kinds' traits, and
// finds sections that no kind has any more.
func TestDocumentedKinds(t *testing.T) {
	all := sections(t)
	rows := all["events"].rows
	kinds := events.Kinds()
	if len(rows) != len(kinds)+1 {
		t.Fatalf("%d rows, want one for each of %d kinds", len(rows)-1, len(kinds))
	}
	for i, kind := range kinds {
		traits := kind.Traits()
		want := []string{fmt.Sprintf("[%s](#%s)", kind, anchor(kind.String())), traits.Category, traits.Type, traits.Action, "off"}
		if traits.Default {
			want[4] = "on"
		}
		at := "words"
		if kind == events.KindFileIntegrity {
			at = anchor(kind.String())
		}
		for i := range want[1:4] {
			if want[1+i] == "" {
				want[1+i] = "[its own](#" + at + ")"
			}
		}
		switch kind {
		case events.KindEventsLost:
			want[1], want[4] = "the lost kind's", "always on"
		case events.KindServing, events.KindMetrics:
			want[1], want[4] = "none", "always on"
		}
		if !slices.Equal(rows[i+1], want) {
			t.Errorf("row %q, want %q", rows[i+1], want)
		}
	}
	shared := map[string]bool{
		"events": true, "sources": true, "words": true,
		"every-event": true, "a-process": true, "every-event-with-a-process": true, "every-event-of-an-account": true, "audit-records": true, "every-event-of-a-process": true,
		"every-event-of-a-flow": true, "every-event-of-a-bound-socket": true, "every-event-of-a-local-flow": true,
		"every-event-of-a-file": true,
	}
	for at, s := range all {
		if _, ok := events.KindByName(s.heading); !ok && !shared[at] && len(s.rows) > 0 {
			t.Errorf("#%s has a table, but is neither a kind nor shared", at)
		}
	}
}

func TestDocumentedLinks(t *testing.T) {
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	all := sections(t)
	for _, m := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, ok := all[m[1]]; !ok {
			t.Errorf("no heading for the link #%s", m[1])
		}
	}
}

// TestDocumentedStages finds stages of losses that are not explained.
func TestDocumentedStages(t *testing.T) {
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	_, stages, _ := strings.Cut(string(text), "### Stages\n")
	stages, _, _ = strings.Cut(stages, "\n#")
	for stage := events.ReasonRecursion; stage <= events.ReasonShutdown; stage++ {
		if !strings.Contains(stages, "`"+stage.String()+"`") {
			t.Errorf("stage %s is not explained", stage)
		}
	}
}
