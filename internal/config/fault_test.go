// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// faultCases are files with exactly one fault each, in the order of the code that finds it.
func faultCases() map[string]string {
	long := strings.Repeat("x", 101)
	return map[string]string{
		// names
		"knds: {}":                       `1:1: unknown key "knds" (did you mean "kinds"?)`,
		"limits:\n  ring: {}":            `2:3: limits: unknown key "ring" (did you mean "rings"?)`,
		"Kinds: {}":                      `1:1: unknown key "Kinds" (did you mean "kinds"?)`,
		"output: {zzz: 1}":               `1:10: output: unknown key "zzz" (want data_stream, elasticsearch, format, rotate or to)`,
		"kinds: {exec: {enabeld: true}}": `1:16: kinds.exec: unknown key "enabeld" (did you mean "enabled"?)`,
		"kinds:\n  exce: {}":             `2:3: kinds: unknown kind "exce" (did you mean "exec"?)`,
		"kinds:\n  dns: {}":              `2:3: kinds: unknown kind "dns" (want already_running, exec, exec_failed, exit or fork)`,
		"1: x":                           `1:1: unknown key "1" (want agent, audit, file, filters, host, inotify, kinds, limits, metrics, output, privacy, process, retention, shutdown, sockdiag, sources or spool)`,
		"host: {\"" + long + "\": x}":    `1:8: host: unknown key "` + long[:60] + `..." (want id or name)`,
		"host: {id: a}\nhost: {id: b}":   `2:1: duplicate key "host" (first in line 1)`,
		"host: {id: a, \"id\": b}":       `1:15: host: duplicate key "id" (first in line 1)`,
		"sources: [epbf]":                `1:11: sources[0]: unknown source "epbf" (did you mean "ebpf"?)`,
		// types
		"filters: {paths: [/tmp]}":           `1:18: filters.paths: a list is not a mapping`,
		"filters: {paths: {deny: /tmp}}":     `1:25: filters.paths.deny: "/tmp" is not a list (want e.g. [a, b])`,
		"file: {counts: 1}":                  `1:16: file.counts: 1 is not true or false`,
		"- a":                                `1:1: a list is not a mapping`,
		"text":                               `1:1: "text" is not a mapping`,
		"kinds: []":                          `1:8: kinds: a list is not a mapping`,
		"limits: 5":                          `1:9: limits: 5 is not a mapping`,
		"sources: ebpf":                      `1:10: sources: "ebpf" is not a list (want e.g. [a, b])`,
		"sources:\n  ebpf: 1":                `2:3: sources: a mapping is not a list (want e.g. [a, b])`,
		"sources:":                           `1:10: sources: an empty value is not a list (want e.g. [a, b])`,
		"process:\n  env:\n  - 1":            `3:5: process.env[0]: 1 is not text (put it in quotes)`,
		"process: {env: [[]]}":               `1:17: process.env[0]: a list is not a single value`,
		"host: {id: 12}":                     `1:12: host.id: 12 is not text (put it in quotes)`,
		"host: {id: a name: b}":              `1:12: host.id: "a name: b" holds a colon and no quotes (is a comma or a line break missing?)`,
		"host: {id: true}":                   `1:12: host.id: true is not text (put it in quotes)`,
		"host: {id: ~}":                      `1:12: host.id: no value (leave the key out for its default)`,
		"host: {id: \"a\\0b\"}":              `1:12: host.id: "a\x00b" holds a control character`,
		"kinds: {exec: {enabled: yes}}":      `1:25: kinds.exec.enabled: "yes" is not true or false`,
		"kinds: {exec: {enabled: \"true\"}}": `1:25: kinds.exec.enabled: "true" is not true or false`,
		"limits: {queue: {events: ten}}":     `1:26: limits.queue.events: "ten" is not a whole number`,
		"limits: {queue: {events: 1.5}}":     `1:26: limits.queue.events: 1.5 is not a whole number`,
		"limits: {queue: {events: 0x10}}":    `1:26: limits.queue.events: 0x10 is not a whole number`,
		"limits: {queue: {events: \"5\"}}":   `1:26: limits.queue.events: "5" is not a whole number`,
		"output: {elasticsearch: {hosts: [https://h:9200]}}": `1:34: output.elasticsearch.hosts[0]: a mapping is not a single value (text with a colon needs quotes within braces or brackets)`,
		"retention: {warm: 40d}":                             `1:12: retention.cold: 720h0m0s is not later than warm, which is 960h0m0s`,
		"retention: {rollover: {bytes: 0, age: 0s}}":         `1:23: retention.rollover: without bytes and age no phase ever begins`,
		"retention: {rollover: {bytes: 4096}}":               `1:31: retention.rollover.bytes: 4KiB is not whole MiB`,
		"retention: {repository: a b}":                       `1:25: retention.repository: "a b" is not the name of a repository`,
		"spool: {path: /}":                                   `1:15: spool.path: a directory of its own is needed`,
		"limits: {queue: {events: {}}}":                      `1:26: limits.queue.events: a mapping is not a single value (text with a colon needs quotes within braces or brackets)`,
		"limits: {rings: {critical: 8MX}}":                   `1:28: limits.rings.critical: "8MX" is not a size (want e.g. 8MiB)`,
		"limits: {process_table: 9999999999GiB}":             `1:25: limits.process_table: "9999999999GiB" is too large for a size`,
		"shutdown: {grace: 5}":                               `1:19: shutdown.grace: "5" is not a duration (want e.g. 5s)`,
		"shutdown: {grace: soon}":                            `1:19: shutdown.grace: "soon" is not a duration (want e.g. 5s)`,
		"output: {format: xml}":                              `1:18: output.format: "xml" is not a format (want auto, json or text)`,
		"output: {to: stderr}":                               `1:14: output.to: "stderr" is not a destination (want stdout, file:PATH or elasticsearch)`,
		"output: {to: \"file:\"}":                            `1:14: output.to: "file:" is not a destination (want stdout, file:PATH or elasticsearch)`,
		"privacy: {redact: no}":                              `1:19: privacy.redact: "no" is not a redaction (want default or off)`,
		// values
		"sources: []":                                                `1:10: sources: no source (want at least one of ebpf)`,
		"sources: [ebpf, ebpf]":                                      `1:17: sources[1]: "ebpf" is listed twice`,
		"kinds: {exec_failed: {required: true}}":                     `1:22: kinds.exec_failed: a required kind cannot be disabled (required: true, enabled: false)`,
		"process: {env: [A=B]}":                                      `1:17: process.env[0]: "A=B" is not the name of a variable`,
		"process: {env: [A, A]}":                                     `1:20: process.env[1]: "A" is listed twice`,
		"filters: {paths: {deny: [\"\"]}}":                           `1:26: filters.paths.deny[0]: "" is not an absolute path`,
		"filters: {paths: {deny: [tmp]}}":                            `1:26: filters.paths.deny[0]: "tmp" is not an absolute path`,
		"filters: {paths: {allow: [/a, ./a]}}":                       `1:31: filters.paths.allow[1]: "./a" is not an absolute path`,
		"filters: {paths: {allow: [/a/../b]}}":                       `1:27: filters.paths.allow[0]: "/a/../b" holds .., which no path of an event does`,
		"filters: {paths: {deny: [/..]}}":                            `1:26: filters.paths.deny[0]: "/.." holds .., which no path of an event does`,
		"filters: {paths: {deny: [/tmp/]}}":                          `1:26: filters.paths.deny[0]: "/tmp/" is longer than it has to be (want "/tmp")`,
		"filters: {paths: {deny: [//a/.]}}":                          `1:26: filters.paths.deny[0]: "//a/." is longer than it has to be (want "/a")`,
		"filters: {paths: {deny: [/a, /b, /a]}}":                     `1:34: filters.paths.deny[2]: "/a" is listed twice`,
		"filters:\n  paths: {allow: [/b, /a],\n    deny: [/c, /a]}":  `3:16: filters.paths.deny[1]: "/a" is in filters.paths.allow too`,
		"file: {summary_interval: 999ms}":                            `1:26: file.summary_interval: 999ms is out of range (want 1s to 24h0m0s)`,
		"limits: {files: 0}":                                         `1:17: limits.files: 0 is out of range (want 1 to 16777216)`,
		"limits: {rings: {critical: 3MiB}}":                          `1:28: limits.rings.critical: 3MiB cannot be a ring's size (want a power of two and multiple of the page size, 4KiB to 1GiB)`,
		"limits: {rings: {critical: 2048}}":                          `1:28: limits.rings.critical: 2KiB cannot be a ring's size (want a power of two and multiple of the page size, 4KiB to 1GiB)`,
		"limits: {queue: {events: 0}}":                               `1:26: limits.queue.events: 0 is out of range (want 1 to 16777216)`,
		"limits: {queue: {events: -1}}":                              `1:26: limits.queue.events: -1 is out of range (want 1 to 16777216)`,
		"limits: {queue: {bytes: 4096}}":                             `1:25: limits.queue.bytes: 4KiB is out of range (want 1MiB to 64GiB)`,
		"limits: {process_table: 0}":                                 `1:25: limits.process_table: 0 is out of range (want 1MiB to 64GiB)`,
		"shutdown: {grace: -5s}":                                     `1:19: shutdown.grace: -5s is out of range (want 0s to 1h0m0s)`,
		"output: {data_stream: {namespace: \"\"}}":                   `1:35: output.data_stream.namespace: the name is empty`,
		"output: {data_stream: {namespace: Prod}}":                   `1:35: output.data_stream.namespace: "Prod" is not lower case`,
		"output: {data_stream: {namespace: a-b}}":                    `1:35: output.data_stream.namespace: "a-b" holds '-', which the name of a data stream cannot`,
		"output: {data_stream: {namespace: " + long + "}}":           `1:35: output.data_stream.namespace: "` + long[:60] + `..." is 101 bytes long (at most 100)`,
		"output: {data_stream: {dataset_prefix: " + long[:93] + "}}": `1:40: output.data_stream.dataset_prefix: "` + long[:60] + `..." is 93 bytes long (at most 92)`,
		"agent: {id: " + strings.Repeat("x", 256) + "}":              `1:13: agent.id: "` + long[:60] + `..." is 256 bytes long (at most 255)`,
		// YAML
		"host: {id: a":                    `1:7: not YAML: could not find flow mapping end token '}'`,
		"host:\n\tid: a":                  `2:1: a tab is not supported (use spaces)`,
		"host: \"a":                       `1:7: not YAML: could not find end character of double-quoted text`,
		"host: @x":                        `1:7: not YAML: '@' is a reserved character`,
		"host: {}\n---\nhost: {}":         `2:1: a second document begins (a file holds one)`,
		"---\n---\nhost: {}":              `2:1: a second document begins (a file holds one)`,
		"host: {}\n...\nkinds: {}":        `2:1: the end marker ... is not supported`,
		"%YAML 1.2\n---\nhost: {}":        `1:1: directives are not supported (text that begins with % needs quotes)`,
		"host: &h {id: a}":                `1:7: anchors are not supported (text that begins with & needs quotes)`,
		"host: {id: *h}":                  `1:12: aliases are not supported (text that begins with * needs quotes)`,
		"process: {env: [*h]}":            `1:17: aliases are not supported (text that begins with * needs quotes)`,
		"!x":                              `1:1: tags are not supported (text that begins with ! needs quotes)`,
		"kinds: {}\nhost: !x":             `2:7: tags are not supported (text that begins with ! needs quotes)`,
		"host: {id: !!str a}":             `1:12: tags are not supported (text that begins with ! needs quotes)`,
		"host:\n  <<: {id: a}":            `2:3: merge keys are not supported`,
		"? host\n: {id: a}":               `1:1: keys marked with ? are not supported`,
		"host:\n  id: |\n    a":           `2:7: block text is not supported (text that begins with | or > needs quotes)`,
		"limits:\r\n  ring: {}\r\n":       `2:3: limits: unknown key "ring" (did you mean "rings"?)`,
		"host: {id: \"a\r\n b\"}\r\nx: 1": `3:1: unknown key "x" (want agent, audit, file, filters, host, inotify, kinds, limits, metrics, output, privacy, process, retention, shutdown, sockdiag, sources or spool)`,
		"host: {id: \"é\tb\"}":            `1:14: a tab is not supported (use spaces)`,
		"host: {}\n# \xff":                `2:1: the line is not UTF-8`,
		"host: {}\r\n\r\n# \x01":          `3:3: control characters are not supported`,
		"host:\n  # é\n  iđ: é":           `3:3: host: unknown key "iđ" (want id or name)`,
	}
}

func TestFaults(t *testing.T) {
	for in, want := range faultCases() {
		c, err := testSchema().Parse("sensor.yaml", []byte(in))
		if want = "sensor.yaml:" + want; err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", in, err, want)
		}
		if !reflect.DeepEqual(c, Config{}) {
			t.Errorf("%q: a configuration beside an error: %+v", in, c)
		}
	}
}

func TestErrorFields(t *testing.T) {
	_, err := testSchema().Parse("sensor.yaml", []byte("host: {}\nlimits:\n  rings: {critical: 8MX}\n"))
	err = errors.Join(errors.New("other"), err)
	var e *Error
	want := Error{File: "sensor.yaml", Line: 3, Column: 21, Key: "limits.rings.critical", Reason: `"8MX" is not a size (want e.g. 8MiB)`}
	if !errors.As(err, &e) || *e != want {
		t.Errorf("got %+v, want %+v", e, want)
	}
}

func TestErrorWithoutPlace(t *testing.T) {
	for want, e := range map[string]Error{
		"reason":           {Reason: "reason"},
		"file: reason":     {File: "file", Reason: "reason"},
		"key: reason":      {Key: "key", Reason: "reason"},
		"file:1:2: reason": {File: "file", Line: 1, Column: 2, Reason: "reason"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestGolden checks that all faults of a file come at once and in its order.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, input := range inputs {
		_, err := testSchema().Load(input)
		if err == nil {
			t.Errorf("%s: no error", input)
			continue
		}
		got := err.Error() + "\n"
		golden := strings.TrimSuffix(input, ".yaml") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\ngot\n%swant\n%s", input, got, want)
		}
	}
}
