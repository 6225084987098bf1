// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

const example = "../../docs/config.example.yaml"

// testSchema stands for the kinds and sources of a build.
func testSchema() Schema {
	return Schema{
		Kinds: []KindDefault{
			{Name: "exec", Enabled: true},
			{Name: "fork", Enabled: true},
			{Name: "exit", Enabled: true},
			{Name: "already_running", Enabled: true},
			{Name: "exec_failed"},
		},
		Sources: []string{"ebpf"},
		Hashes:  []string{"md5", "sha256"},
	}
}

// exampleSchema has the kinds that there are.
func exampleSchema() Schema {
	s := testSchema()
	s.Sources = []string{"ebpf", "audit", "procconn", "sockdiag", "inotify"}
	s.Kinds = nil
	for _, kind := range events.Kinds() {
		if traits := kind.Traits(); !traits.Internal {
			s.Kinds = append(s.Kinds, KindDefault{Name: traits.Name, Enabled: traits.Default})
		}
	}
	return s
}

func TestDefaultPassesCheck(t *testing.T) {
	s := testSchema()
	if err := s.Check(s.Default()); err != nil {
		t.Error(err)
	}
}

func TestDefaultIsOwnedByTheCaller(t *testing.T) {
	s := testSchema()
	c := s.Default()
	c.Sources[0], c.Process.Env[0] = "changed", "changed"
	c.Kinds["exec"] = Kind{}
	if d := s.Default(); d.Sources[0] != "ebpf" || d.Process.Env[0] != "LD_PRELOAD" || !d.Kinds["exec"].Enabled {
		t.Errorf("a change of one default shows in the next: %+v", d)
	}
}

func TestNothingIsTheDefault(t *testing.T) {
	s := testSchema()
	for _, in := range []string{"", "\n", "# comment\n", "---\n", "{}", "~", "\ufeff", "kinds:\nlimits:\n  rings:\n", "kinds: {exec: }"} {
		c, err := s.Parse("sensor.yaml", []byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if !reflect.DeepEqual(c, s.Default()) {
			t.Errorf("%q: got %+v", in, c)
		}
	}
}

func TestParse(t *testing.T) {
	const in = `
kinds:
  exec: {required: true}
  "fork": {enabled: false}
  exec_failed: {enabled: true, required: true}
filters:
  paths:
    allow: [/var/log, "/b c"]
    deny: [/, /var, /b..c]
process: {env: []}
file: {summary_interval: 1s, counts: false}
audit: {rules: [/etc/audit.rules], beside: true, raw: true}
sockdiag: {interval: 100ms}
inotify: {paths: [/etc], recursive: false, hashes: [md5], max_file_size: 1KiB, rate: 1MiB, baseline: ""}
privacy: {redact: off}
output:
  to: file:/var/log/sensor events.json  # with a blank
  format: text
  rotate: {bytes: 4KiB, age: 24h, keep: 1}
  data_stream: {namespace: prod_1, dataset_prefix: endpoint.events}
  elasticsearch:
    hosts: ["https://a:9200", "http://[::1]:9200/path"]
    api_key_file: /key
    ca_file: /ca
    certificate_file: /cert
    key_file: /cert.key
    workers: 64
    bulk: {events: 1, bytes: 64KiB, linger: 0s}
    timeout: 1s
    dead_letter: /rejected
spool: {path: "", max_bytes: 8MiB, max_age: 1m, sync: batch, full: newest}
retention: {by: data_stream, rollover: {bytes: 1GiB, age: 1d}, warm: 0s, cold: 0s, frozen: 0s, delete: 30d, repository: r}
metrics: {listen: ":9478", interval: 0s}
limits:
  process_table: 64MiB
  rings: {critical: 1GiB}
  files: 1
  queue:
    events: 1
    bytes: 1024KiB
host: {id: "0123", name: 'it''s'}
agent: {id: a1}
shutdown: {grace: 0s}
`
	want := testSchema().Default()
	want.Kinds["exec"] = Kind{Enabled: true, Required: true}
	want.Kinds["fork"] = Kind{}
	want.Kinds["exec_failed"] = Kind{Enabled: true, Required: true}
	want.Filters.Paths = Paths{Allow: []string{"/var/log", "/b c"}, Deny: []string{"/", "/var", "/b..c"}}
	want.Process.Env = []string{}
	want.File = File{SummaryInterval: time.Second}
	want.Audit = Audit{Rules: []string{"/etc/audit.rules"}, Beside: true, Raw: true}
	want.SockDiag = SockDiag{Interval: 100 * time.Millisecond}
	want.Inotify = Inotify{Paths: []string{"/etc"}, Hashes: []string{"md5"}, MaxFileSize: KiB, Rate: MiB}
	want.Privacy.Redact = RedactOff
	want.Output = Output{
		To:         "file:/var/log/sensor events.json",
		Format:     FormatText,
		Rotate:     Rotate{Bytes: 4 * KiB, Age: 24 * time.Hour, Keep: 1},
		DataStream: DataStream{Namespace: "prod_1", DatasetPrefix: "endpoint.events"},
		Elasticsearch: Elasticsearch{
			Hosts:      []string{"https://a:9200", "http://[::1]:9200/path"},
			APIKeyFile: "/key", CAFile: "/ca", CertificateFile: "/cert", KeyFile: "/cert.key",
			Workers: 64, Bulk: Bulk{Events: 1, Bytes: 64 * KiB}, Timeout: time.Second, DeadLetter: "/rejected",
		},
	}
	want.Spool = Spool{MaxBytes: 8 * MiB, MaxAge: time.Minute, Sync: SyncBatch, Full: FullNewest}
	want.Retention = Retention{By: LifecycleDataStream, Rollover: Rollover{Bytes: GiB, Age: 24 * time.Hour}, Delete: 30 * 24 * time.Hour, Repository: "r"}
	want.Metrics = Metrics{Listen: ":9478"}
	want.Limits = Limits{
		ProcessTable: 64 * MiB,
		Rings:        Rings{Critical: GiB, Bulk: 8 * MiB},
		Sockets:      65536,
		Files:        1,
		Queue:        Queue{Events: 1, Bytes: MiB},
	}
	want.Host = Host{ID: "0123", Name: "it's"}
	want.Agent.ID = "a1"
	want.Shutdown.Grace = 0

	got, err := testSchema().Parse("sensor.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestExampleIsTheDefault(t *testing.T) {
	s := exampleSchema()
	c, err := s.Load(example)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.Default(); !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	c, at, faults := exampleSchema().parse(data)
	if len(faults) > 0 {
		t.Fatal(join(faults))
	}
	var want []string
	keys("", reflect.ValueOf(c), func(key string) { want = append(want, key) })
	var got []string
	for key := range at {
		if key != "" && !strings.HasSuffix(key, "]") {
			got = append(got, key)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the example has the keys\n%q\nthe configuration\n%q", got, want)
	}
}

func TestExampleExplainsEveryKey(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.HasPrefix(key, "#") || value == "" {
			continue // the name of a section says enough
		}
		if !strings.HasPrefix(strings.TrimSpace(lines[i-1]), "#") {
			t.Errorf("line %d: no comment says what %s does", i+1, key)
		}
	}
}

// keys visits the path of every key of a configuration.
func keys(path string, v reflect.Value, visit func(string)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key := child(path, v.Type().Field(i).Tag.Get("yaml"))
			visit(key)
			keys(key, v.Field(i), visit)
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			key := child(path, name.String())
			visit(key)
			keys(key, v.MapIndex(name), visit)
		}
	}
}

func TestEveryFieldHasItsKey(t *testing.T) {
	seen := map[string]bool{}
	keys("", reflect.ValueOf(testSchema().Default()), func(key string) {
		if seen[key] || strings.HasSuffix(key, ".") || key == "" {
			t.Errorf("key %q is empty or not unique", key)
		}
		seen[key] = true
	})
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sensor.yaml")
	if err := os.WriteFile(path, []byte("shutdown: {grace: 1m}\nhost: {id: 5}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := testSchema().Load(path)
	if want := path + ":2:12: host.id: 5 is not text (put it in quotes)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := os.WriteFile(path, []byte("shutdown: {grace: 1m}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := testSchema().Load(path)
	if err != nil || c.Shutdown.Grace != time.Minute {
		t.Errorf("got grace %v, error %v", c.Shutdown.Grace, err)
	}
}

func TestLoadCannotRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := testSchema().Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := testSchema().Load(dir); err == nil || !strings.HasPrefix(err.Error(), "read config: ") {
		t.Errorf("directory: got %v", err)
	}
	_, err := testSchema().Load("/dev/zero")
	if want := "/dev/zero: the file is larger than 1MiB"; err == nil || err.Error() != want {
		t.Errorf("endless file: got %v", err)
	}
}

func TestCheck(t *testing.T) {
	s := testSchema()
	c := s.Default()
	c.Sources = []string{"audit"}
	c.Kinds = maps.Clone(c.Kinds)
	c.Kinds["exce"] = Kind{}
	c.Kinds["exec"] = Kind{Required: true}
	err := s.Check(c)
	want := `sources[0]: unknown source "audit" (want ebpf)
kinds: unknown kind "exce" (did you mean "exec"?)
kinds.exec: a required kind cannot be disabled (required: true, enabled: false)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDestinationFile(t *testing.T) {
	if path, ok := Destination("file:/a:b").File(); !ok || path != "/a:b" {
		t.Errorf("got %q, %v", path, ok)
	}
	if _, ok := Stdout.File(); ok {
		t.Error("stdout is a file")
	}
}
