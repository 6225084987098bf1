// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

var update = flag.Bool("update", false, "write the golden files anew")

// parse makes records of the lines of a log, grouped by serial.
func parse(t testing.TB, text string) (groups [][]*auparse.AuditMessage) {
	t.Helper()
	at := map[uint32]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := auparse.ParseLogLine(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		i, ok := at[r.Sequence]
		if !ok {
			i = len(groups)
			at[r.Sequence] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// one decodes lines that stand for one audit event, and wants one event and no error.
func one(t *testing.T, options Options, lines ...string) *events.Event {
	t.Helper()
	all := decodeAll(t, options, lines...)
	if len(all) != 1 {
		t.Fatalf("got %d events, want 1", len(all))
	}
	return all[0]
}

func decodeAll(t *testing.T, options Options, lines ...string) []*events.Event {
	t.Helper()
	groups := parse(t, strings.Join(lines, "\n"))
	if len(groups) != 1 {
		t.Fatalf("%d serials, want 1", len(groups))
	}
	all, err := New(options).Decode(groups[0])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The logs are what auditd wrote on Linux 6.18, or another kernel told that the
// file is named for, while programs did what it is named for. What they did
// stands in the golden file, one event a line.
func TestGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	for _, log := range logs {
		t.Run(filepath.Base(log), func(t *testing.T) {
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			d := New(Options{Raw: strings.Contains(log, "_raw"), Key: "acts"})
			var got bytes.Buffer
			for _, group := range parse(t, string(text)) {
				all, err := d.Decode(group)
				if err != nil {
					t.Errorf("serial %d: %v", group[0].Sequence, err)
				}
				for _, e := range all {
					got.WriteString(e.Kind.String())
					got.WriteByte(' ')
					line, err := json.Marshal(e)
					if err != nil {
						t.Fatal(err)
					}
					got.Write(lean(t, line))
					got.WriteByte('\n')
				}
			}
			golden := strings.TrimSuffix(log, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
			if len(gotLines) != len(wantLines) {
				t.Errorf("%d events, want %d", len(gotLines)-1, len(wantLines)-1)
			}
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Errorf("event %d:\n got %s\nwant %s", i, gotLines[i], wantLines[i])
				}
			}
		})
	}
}

// lean leaves out of a document what says nothing.
func lean(t *testing.T, document []byte) []byte {
	var v map[string]any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	prune(v)
	delete(v, "ID") // the source's
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func prune(m map[string]any) {
	for name, v := range m {
		switch v := v.(type) {
		case map[string]any:
			prune(v)
			if len(v) == 0 {
				delete(m, name)
			}
		case nil:
			delete(m, name)
		case string:
			if v == "" || v == "0001-01-01T00:00:00Z" {
				delete(m, name)
			}
		case float64:
			if v == 0 {
				delete(m, name)
			}
		case bool:
			if !v {
				delete(m, name)
			}
		}
	}
}
