// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sensor/internal/events"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden holds the document of a full event of each kind to testdata/KIND.json,
// where it stands indented to be read; the order of the members is the encoder's.
func TestGolden(t *testing.T) {
	for _, kind := range events.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			line := NewEncoder(fullOptions()).Append(nil, full(kind))
			mustParse(t, line)
			var got bytes.Buffer
			if err := json.Indent(&got, line, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", kind.String()+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the document differs from %s (go test -update writes it anew, git diff shows how):\n%s", golden, got.Bytes())
			}
		})
	}
}

// Fields of the vocabulary that later work brings, as prefixes.
var later = []string{
	"container.",
	"orchestrator.",
	"process.hash.",
}

// Fields of ours that the vocabulary does not name, as prefixes.
var ours = []string{
	"error.",
	"file.device",
	"file.hash.xxh64", // one of those that can be asked for
	"file.target_path",
	"network.iana_number",
	"process.Ext.command_line_truncated", // the vocabulary's text, though not its examples
	"process.thread.name",
	"sensor.cgroup.",
	"sensor.env_vars.",
	"sensor.exec.",
	"sensor.executable.",
	"sensor.exit.",
	"sensor.file.",
	"sensor.fs_user.", "sensor.fs_group.",
	"sensor.login.",
	"sensor.namespaces.",
	"sensor.network.",
	"sensor.redacted",
	"sensor.supplemental_groups.",
	"sensor.working_directory.",
}

// TestNeededFields compares what a full event of each kind says with what the
// vocabulary asks for: testdata/needed/ACTION.txt, a path on each line.
func TestNeededFields(t *testing.T) {
	for _, kind := range []events.Kind{
		events.KindExec, events.KindFork, events.KindExit, events.KindAlreadyRunning, events.KindEventsLost,
		events.KindConnect, events.KindAccept, events.KindClose,
		events.KindFileCreate, events.KindFileWrite, events.KindFileRename, events.KindFileDelete,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "needed", kind.Traits().Action+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			needed := strings.Fields(string(text))
			produced := mustParse(t, NewEncoder(fullOptions()).Append(nil, full(kind))).paths()
			for _, path := range needed {
				if slices.Contains(produced, path) == within(path, later) {
					t.Errorf("%s: needed; produced or left to later work, but not exactly one of them", path)
				}
			}
			for _, path := range produced {
				if slices.Contains(needed, path) == within(path, ours) {
					t.Errorf("%s: produced; needed or ours, but not exactly one of them", path)
				}
			}
		})
	}
}

// TestFieldListsAreTight finds entries of the lists above that no longer say anything.
func TestFieldListsAreTight(t *testing.T) {
	var needed, produced []string
	for _, kind := range events.Kinds() {
		text, err := os.ReadFile(filepath.Join("testdata", "needed", kind.Traits().Action+".txt"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // auditd's words, of which the vocabulary says nothing
			t.Fatal(err)
		}
		needed = append(needed, strings.Fields(string(text))...)
		produced = append(produced, mustParse(t, NewEncoder(fullOptions()).Append(nil, full(kind))).paths()...)
	}
	for _, prefix := range later {
		if !slices.ContainsFunc(needed, func(path string) bool { return strings.HasPrefix(path, prefix) }) {
			t.Errorf("%s is left to later work, but not needed", prefix)
		}
	}
	for _, prefix := range ours {
		if !slices.ContainsFunc(produced, func(path string) bool { return strings.HasPrefix(path, prefix) }) {
			t.Errorf("%s is ours, but not produced", prefix)
		}
	}
}

func within(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}
