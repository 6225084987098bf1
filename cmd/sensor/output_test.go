// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sensor/internal/export/setup"
)

// TestSpooledBetweenRuns has no engine at all: what one sensor has spooled the next one has, and both accounts add up.
// Nobody but root can read it.
func TestSpooledBetweenRuns(t *testing.T) {
	needsTime(t)
	dir := t.TempDir()
	config := configFile(t, fmt.Sprintf(`
output: {to: elasticsearch, elasticsearch: {hosts: ["http://%s"], api_key_file: %q, dead_letter: %q}}
spool: {path: %q}
shutdown: {grace: 100ms}
`, freeAddress(t), secretFile(t, dir), filepath.Join(dir, "own", "dead"), filepath.Join(dir, "own", "spool")))
	one := command(t, "-c", config)
	one.run()
	storm(t)
	first := one.stop()
	if first.Spooled["exec"] == 0 || len(first.Recovered) > 0 || len(first.Delivered) > 0 {
		t.Errorf("the first sensor's account: %s", first)
	}
	if !one.log.wait("refused", patience) {
		t.Errorf("the log does not say that there is no engine:\n%s", one.log)
	}
	if strings.Contains(one.log.String(), secret) {
		t.Errorf("the log holds the secret:\n%s", one.log)
	}
	two := command(t, "-c", config)
	two.run()
	second := two.stop()
	if !reflect.DeepEqual(second.Recovered, first.Spooled) {
		t.Errorf("spooled %v, recovered %v", first.Spooled, second.Recovered)
	}
	if err := filepath.WalkDir(filepath.Join(dir, "own"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	third := command(t, "-c", config, "--output", "stdout")
	third.run()
	if b := third.stop(); len(b.Recovered) > 0 {
		t.Errorf("another output takes from the spool: %s", b)
	}
}

const secret = "c2VjcmV0OnNlY3JldA=="

func secretFile(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMetrics reads the same number from /metrics and from the last event.
func TestMetrics(t *testing.T) {
	if bare() {
		t.Skip("nothing is told here")
	}
	address := freeAddress(t)
	s := start(t, "--metrics", address, "--kinds", "exec,exit", "--format", "json")
	storm(t)
	d := delivering{t: t, metrics: address}
	d.until("an exec", func(n map[string]uint64) bool { return n["sensor_events_generated_total"] > 0 })
	if response, err := http.Get("http://" + address + "/"); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("/ answers %+v, %v", response, err)
	} else {
		response.Body.Close()
	}
	b := s.stop()
	docs := s.documents()
	last := docs[len(docs)-1]
	if field(last, "event.action") != "metrics" || field(last, "event.kind") != "metric" || b.Delivered["metrics"] == 0 {
		t.Fatalf("the last event is %v", last)
	}
	if got := fmt.Sprint(field(last, "sensor.metrics.generated.exec")); got != fmt.Sprint(b.Generated["exec"]) {
		t.Errorf("the last event has %s execs, the account %d", got, b.Generated["exec"])
	}
	if _, err := http.Get("http://" + address + "/metrics"); err == nil {
		t.Error("it still listens")
	}
}

// TestMetricsTaken wants a place where another listens already.
func TestMetricsTaken(t *testing.T) {
	needsTime(t)
	address := freeAddress(t)
	start(t, "--metrics", address, "--kinds", "exec")
	second := command(t, "--metrics", address, "--kinds", "exec")
	if err := second.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if code := second.end(); code != exitFault || !second.log.wait("address already in use", time.Second) {
		t.Errorf("exit code %d: %s", code, second.log)
	}
}

// TestSetupOffline shows what is installed without an engine.
func TestSetupOffline(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string // on stdout, or on stderr if it fails
	}{
		{[]string{"--print", "--engine", "elasticsearch-9.1"}, 0, "PUT /_ilm/policy/logs-sensor@lifecycle"},
		{[]string{"--print", "--engine", "elasticsearch-serverless"}, 0, "PUT /_index_template/logs-sensor.process"},
		{[]string{"--print", "--engine", "opensearch-2.19"}, 0, "PUT /_plugins/_ism/policies/logs-sensor@lifecycle"},
		{[]string{"--print", "--engine", "solr-9"}, exitUsage, "want elasticsearch"},
		{[]string{"--engine", "opensearch-2.19"}, exitUsage, "--engine goes with --print"},
		{[]string{"--print", "--dry-run"}, exitUsage, "--dry-run"},
		{[]string{"--dry-run"}, exitUsage, "no search engine"},
		{[]string{"--hosts", "ftp://a"}, exitUsage, "not the URL of a host"},
		{[]string{"--dashboards"}, 0, string(setup.Dashboards("sensor"))},
	} {
		var out, log strings.Builder
		code := run(t.Context(), append([]string{"setup"}, test.args...), &out, &log)
		said := out.String()
		if code != 0 {
			said = log.String()
		}
		if code != test.code || !strings.Contains(said, test.want) {
			t.Errorf("%q: exit code %d, want %d and %.100q: %.500s", test.args, code, test.code, test.want, said)
		}
	}
}
