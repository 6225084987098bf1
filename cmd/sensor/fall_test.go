// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/fallback/audit/audittest"
	"sensor/vmtests/acts"
)

// withoutPrograms is the configuration of a host where no program loads.
const withoutPrograms = "sources: [audit, procconn, sockdiag, inotify]"

// TestWithoutPrograms has all that is not BPF serve one sensor: each kind comes from
// who can, the stream says so, and a process is one, whoever tells of it.
func TestWithoutPrograms(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	watched := filepath.Join(dir, "watched")
	if err := os.Mkdir(watched, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, "-c", configFile(t, fmt.Sprintf("%s\ninotify: {paths: [%s], baseline: %s}", withoutPrograms, watched, filepath.Join(dir, "baseline"))))
	file := filepath.Join(watched, "there")
	act := acts.Run(t, "fork")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0) // told of audit when it is opened
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.wait(t, `"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"`)
	balance := s.stop()
	if n := balance.Lost(); n != 0 {
		t.Errorf("%d events were lost: %v", n, balance.Dropped)
	}
	docs := s.documents()
	served, _ := field(docs[0], "sensor.serving").(map[string]any)
	for kind, source := range map[string]string{
		"exec": "audit/unicast", "fork": "procconn/connector", "connect": "audit/unicast", "file_create": "audit/unicast",
		"authentication": "audit/unicast", "uid_change": "audit/unicast", "file_integrity": "inotify/watches",
	} {
		if served[kind] != source {
			t.Errorf("%s is served by %v, want %s", kind, served[kind], source)
		}
	}
	providers := map[string][]string{} // action → who told it of the act, or of the file
	entities := map[string]map[any]bool{}
	for _, doc := range docs {
		pid := fmt.Sprint(field(doc, "process.pid"))
		if pid != fmt.Sprint(act.PID) && field(doc, "file.path") != file {
			continue
		}
		action := fmt.Sprint(field(doc, "event.action"))
		providers[action] = append(providers[action], fmt.Sprint(field(doc, "event.provider")))
		if id := field(doc, "process.entity_id"); id != nil && pid == fmt.Sprint(act.PID) {
			if entities[pid] == nil {
				entities[pid] = map[any]bool{}
			}
			entities[pid][id] = true
		}
	}
	for action, want := range map[string]string{"fork": "procconn", "exec": "audit", "end": "audit"} {
		if !slices.Contains(providers[action], want) {
			t.Errorf("%s of the act is told by %v, want %s", action, providers[action], want)
		}
	}
	for _, want := range []string{"audit", "inotify"} { // the test's own process is not the act's
		if !slices.Contains(slices.Concat(providers["creation"], providers["modification"]), want) {
			t.Errorf("the file is told by %v, want also %s", providers, want)
		}
	}
	if ids := entities[fmt.Sprint(act.PID)]; len(ids) > 1 { // none if it was gone before anybody could look
		t.Errorf("the act's process has the entity ids %v", ids)
	}
	after, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	if after.Enabled != before.Enabled || after.BacklogLimit != before.BacklogLimit || after.BacklogWaitTime != before.BacklogWaitTime || after.PID != 0 {
		t.Errorf("the audit system is not as it was: %+v, was %+v", after, before)
	}
	if rules, err := control.Rules(); err != nil || len(rules) != 0 {
		t.Errorf("%d rules stay, %v", len(rules), err)
	}
}

// wait waits until the output holds the text.
func (s *sensor) wait(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(s.output)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come; the sensor said:\n%s", text, s.log)
		}
	}
}
