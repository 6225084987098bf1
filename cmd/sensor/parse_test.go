// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor/internal/config"
	auditlog "sensor/internal/fallback/audit/log"
)

const parseData = "testdata/parse"

// parseLogs runs sensor parse.
func parseLogs(t *testing.T, args ...string) (code int, out, log string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"parse"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// parseFixed is parseLogs as a host and an agent of which nothing changes.
func parseFixed(t *testing.T, args ...string) string {
	t.Helper()
	code, out, log := parseLogs(t, append([]string{"-c", parseConfig(t)}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, log)
	}
	return out
}

// parseConfig is a configuration with all kinds.
func parseConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parseData, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := "kinds:\n"
	for _, kind := range schema().Kinds {
		kinds += "  " + kind.Name + ": {enabled: true}\n"
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, append(text, kinds...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// documentsOf splits what parse has written.
func documentsOf(t *testing.T, out string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(out) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, doc)
	}
	return list
}

// golden writes documents one a line, with what all have in common only in the first.
func golden(t *testing.T, docs []map[string]any) string {
	t.Helper()
	var b strings.Builder
	first := map[string]string{}
	for _, doc := range docs {
		for _, section := range []string{"agent", "ecs", "host"} {
			text := fmt.Sprint(doc[section])
			if said, ok := first[section]; ok && said == text {
				delete(doc, section)
			}
			first[section] = text
		}
		delete(doc, "data_stream") // event.dataset is in it
		line, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// TestParseGolden parses logs that auditd has written, and those that
// TestParseKernel has left of the kernels of the matrix.
func TestParseGolden(t *testing.T) {
	logs, err := filepath.Glob(filepath.Join(parseData, "*.log"))
	if err != nil || len(logs) < 2 {
		t.Fatal("no logs", err)
	}
	for _, path := range logs {
		name := strings.TrimSuffix(filepath.Base(path), ".log")
		t.Run(name, func(t *testing.T) {
			var got, want string
			switch {
			case strings.HasPrefix(name, "kernel-"): // a line for each event tells what differs
				got = regexp.MustCompile(`(?m)^..:..:..\....`).ReplaceAllString(parseFixed(t, "--format", "text", path), "")
				want = name + ".txt"
			case name == "raw":
				got = golden(t, documentsOf(t, parseFixed(t, "--raw", path)))
				want = name + ".ndjson"
			default:
				got = golden(t, documentsOf(t, parseFixed(t, path)))
				want = name + ".ndjson"
			}
			want = filepath.Join(parseData, want)
			if *update && row() == "host" {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) == got {
				return
			}
			was, is := strings.Split(string(text), "\n"), strings.Split(got, "\n")
			for i := range is {
				if i >= len(was) || was[i] != is[i] {
					t.Fatalf("%s:%d differs (-update writes it anew); now\n%s", want, i+1, is[i])
				}
			}
			t.Fatalf("%s: %d lines, now %d", want, len(was), len(is))
		})
	}
}

// Events have the same ids whenever, however and beside what they are read.
func TestParseIDs(t *testing.T) {
	path := filepath.Join(parseData, "raw.log")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	idsOf := func(args ...string) map[string]string {
		ids := map[string]string{}
		for _, doc := range documentsOf(t, parseFixed(t, args...)) {
			event := doc["event"].(map[string]any)
			id := event["id"].(string)
			if other, ok := ids[id]; ok {
				t.Errorf("two events have the id %s: %v and %v", id, other, event)
			}
			ids[id] = fmt.Sprint(doc["@timestamp"], event["action"])
		}
		return ids
	}
	all := idsOf(path)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var squeezed bytes.Buffer
	w := gzip.NewWriter(&squeezed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	half := bytes.IndexByte(text[len(text)/2:], '\n') + len(text)/2 + 1
	enriched := regexp.MustCompile(`(?m)$`).ReplaceAll(bytes.TrimSuffix(text, []byte("\n")), []byte("\x1dUID=\"root\""))
	for name, args := range map[string][]string{
		"again":            {path},
		"compressed":       {write("gz", squeezed.Bytes())},
		"in two":           {write("first", text[:half]), write("second", text[half:])},
		"with fields":      {"--raw", path},
		"with names":       {write("enriched", append(enriched, '\n'))},
		"among other text": {write("syslog", regexp.MustCompile(`(?m)^type`).ReplaceAll(text, []byte("garbage\nNov 29 10:00:00 web1 audispd: type")))},
	} {
		if got := idsOf(args...); !maps.Equal(got, all) {
			t.Errorf("%s: %d events of %d have other ids or are others", name, len(got), len(all))
		}
	}
	for id, what := range idsOf("--kinds", "exec", path) {
		if all[id] != what {
			t.Errorf("%s has the id %s only without other kinds", what, id)
		}
	}
	for id := range idsOf("--host", "host2", write("node", regexp.MustCompile(`(?m)^`).ReplaceAll(text, []byte("node=host2 ")))) {
		if all[id] != "" {
			t.Errorf("two hosts have events with the id %s", id)
		}
	}
}

// What ausearch finds in a log is told, event by event.
func TestParseAusearch(t *testing.T) {
	ausearch, err := exec.LookPath("ausearch")
	if err != nil {
		t.Skip("ausearch is not installed")
	}
	for _, path := range []string{"raw.log", "enriched.log"} {
		path := filepath.Join(parseData, path)
		told := map[string]map[string]bool{}
		for _, doc := range documentsOf(t, parseFixed(t, "--raw", path)) {
			audit := doc["auditd"].(map[string]any)
			action := doc["event"].(map[string]any)["action"].(string)
			name := fmt.Sprint(audit["message_type"])
			if data, ok := audit["data"].(map[string]any); ok && data["syscall"] != nil {
				name = data["syscall"].(string)
			}
			for _, key := range []string{name, action} {
				if told[key] == nil {
					told[key] = map[string]bool{}
				}
				told[key][fmt.Sprint(audit["sequence"])] = true
			}
		}
		for _, search := range []struct {
			args []string
			key  string
		}{
			{[]string{"-sc", "execve"}, "execve"},
			{[]string{"-sc", "connect"}, "connect"},
			{[]string{"-sc", "accept4"}, "accept4"},
			{[]string{"-sc", "bind"}, "bind"},
			{[]string{"-sc", "rename"}, "rename"},
			{[]string{"-sc", "unlink"}, "unlink"},
			{[]string{"-sc", "setresuid"}, "setresuid"},
			{[]string{"-m", "USER_AUTH"}, "user_auth"},
			{[]string{"-m", "ADD_USER"}, "add_user"},
			{[]string{"-m", "DEL_GROUP"}, "del_group"},
			{[]string{"-m", "ANOM_ABEND"}, "anom_abend"},
			{[]string{"-m", "LOGIN"}, "login"},
		} {
			out, err := exec.Command(ausearch, append([]string{"--raw", "-if", path}, search.args...)...).Output()
			if err != nil {
				if strings.HasPrefix(path, "raw") {
					continue // it has no such events, being cut short
				}
			}
			want := map[string]bool{}
			for _, serial := range regexp.MustCompile(`msg=audit\([0-9.]+:([0-9]+)\)`).FindAllStringSubmatch(string(out), -1) {
				want[serial[1]] = true
			}
			if len(want) == 0 && strings.Contains(path, "enriched") {
				t.Errorf("%s: ausearch %v finds nothing", path, search.args)
			}
			for serial := range want {
				if !told[search.key][serial] {
					t.Errorf("%s: %s of serial %s is not told", path, search.key, serial)
				}
			}
		}
	}
}

func TestParseOutput(t *testing.T) {
	path := filepath.Join(parseData, "enriched.log")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	out := parseFixed(t, "--kinds", "exec", path)
	docs := documentsOf(t, out)
	if len(docs) == 0 || strings.Contains(out, "hunter2") || !strings.Contains(out, "[redacted]") {
		t.Errorf("%d events; the secret is in them: %v", len(docs), strings.Contains(out, "hunter2"))
	}
	for _, doc := range docs {
		name := doc["user"].(map[string]any)["name"]
		if host := doc["host"].(map[string]any); name != "root" && name != "nobody" || host["name"] != "node1" || host["id"] != nil || doc["auditd"] != nil {
			t.Fatalf("user %v, host %v, auditd %v", name, host, doc["auditd"])
		}
	}
	if host := documentsOf(t, parseFixed(t, "--kinds", "exec", "--host", "node1", path))[0]["host"].(map[string]any); host["id"] == nil {
		t.Error("node1 is the host of the configuration, but has not its id")
	}
	raw := documentsOf(t, parseFixed(t, "--kinds", "exec", filepath.Join(parseData, "raw.log")))[0]
	if user, host := raw["user"].(map[string]any), raw["host"].(map[string]any); user["name"] != nil || host["name"] != "host1" || host["id"] == nil {
		t.Errorf("user %v, host %v", user, host)
	}
	code, out, log := parseLogs(t, "--local", "--kinds", "exec", filepath.Join(parseData, "raw.log"))
	var root any // a virtual machine may have no names
	if passwd, err := os.ReadFile("/etc/passwd"); err == nil && bytes.Contains(passwd, []byte("root:")) {
		root = "root"
	}
	if local := documentsOf(t, out)[0]; code != 0 || local["user"].(map[string]any)["name"] != root || local["host"].(map[string]any)["id"] == nil {
		t.Errorf("code %d, %v, %s", code, local, log)
	}

	lines := strings.Count(parseFixed(t, "--format", "text", path), "\n")
	if all := len(documentsOf(t, parseFixed(t, path))); lines != all {
		t.Errorf("%d lines of text for %d events", lines, all)
	}

	bad := filepath.Join(t.TempDir(), "bad.log")
	if err := os.WriteFile(bad, append([]byte("garbage\n\n"), text[:len(text)*9/10]...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, log = parseLogs(t, bad)
	for _, want := range []string{`reason="not an audit record" lines=1 first=[` + bad + `:1]`, `reason="last line has no end" lines=1`, "msg=parsed lines=", "exec:"} {
		if code != 0 || !strings.Contains(log, want) {
			t.Errorf("code %d; no %q in %s", code, want, log)
		}
	}
	code, again, log := parseLogs(t, bad, "/nonexistent/audit.log", bad)
	if code != exitFault || !strings.Contains(log, "open /nonexistent/audit.log: no such file or directory") || len(again) <= len(out) {
		t.Errorf("code %d, %s", code, log)
	}
	if code, _, log := parseLogs(t, "--kinds", "nonsense", bad); code != exitUsage {
		t.Errorf("code %d, %s", code, log)
	}
}

// Standard input is read as it comes, and given up on when the sensor is told to end.
func TestParseInput(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(parseData, "raw.log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("/proc/self/exe", "parse", "--format", "json")
	command.Env = append(os.Environ(), beSensor+"=1")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { command.Process.Kill() })
	defer limit.Stop()
	if _, err := in.Write(text); err != nil {
		t.Fatal(err)
	}
	var line [1]byte
	if _, err := out.Read(line[:]); err != nil || line[0] != '{' { // though the input goes on
		t.Fatalf("%q, %v", line, err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest := new(bytes.Buffer)
	if _, err := rest.ReadFrom(out); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if docs := documentsOf(t, "{"+rest.String()); len(docs) != len(documentsOf(t, parseFixed(t, filepath.Join(parseData, "raw.log")))) {
		t.Errorf("%d events", len(docs))
	}
}

// Whatever stands in a log, what comes out is one whole document a line, and all
// of it in another format.
func FuzzParse(f *testing.F) {
	logs, err := filepath.Glob(filepath.Join(parseData, "*.log"))
	if err != nil || len(logs) == 0 {
		f.Fatal("no logs", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		events := map[string][]byte{} // an event is more than enough to begin with
		for line := range bytes.Lines(text) {
			_, id, _ := bytes.Cut(line, []byte("audit("))
			id, _, _ = bytes.Cut(id, []byte(")"))
			events[string(id)] = append(events[string(id)], line...)
		}
		for _, event := range events {
			f.Add(event)
		}
	}
	// Those that come with go-libaudit, of kernels since RHEL 6; a virtual machine has no modules.
	if module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/go-libaudit/v2").Output(); err == nil {
		for _, pattern := range []string{"testdata/*.log", "auparse/testdata/*.log", "aucoalesce/testdata/*.yaml"} {
			logs, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(module)), pattern))
			if err != nil || len(logs) == 0 {
				f.Fatal("no logs", err)
			}
			for _, path := range logs {
				text, err := os.ReadFile(path)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(text)
			}
		}
	}
	settings, err := parseCommand{Raw: true, Format: config.FormatJSON}.settings()
	if err != nil {
		f.Fatal(err)
	}
	settings.Agent.ID = "11111111-1111-8111-8111-111111111111" // or each time the host would be asked
	quiet := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, text []byte) {
		var counts [2]uint64
		for i, format := range []config.Format{config.FormatJSON, config.FormatText} {
			settings.Output.Format = format
			var out bytes.Buffer
			p, err := newParser(quiet, settings, false, &out)
			if err != nil {
				t.Fatal(err)
			}
			reader := auditlog.NewReader()
			if err := reader.Read("fuzz", bytes.NewReader(text), p.take); err != nil && !bytes.HasPrefix(text, []byte("\x1f\x8b")) {
				t.Error(err)
			}
			if err := errors.Join(reader.Flush(p.take), p.out.Flush()); err != nil {
				t.Error(err)
			}
			counts[i] = p.sequence
			if lines := uint64(bytes.Count(out.Bytes(), []byte("\n"))); lines != p.sequence {
				t.Errorf("%d lines for %d events", lines, p.sequence)
			}
			for line := range bytes.Lines(out.Bytes()) {
				if format == config.FormatJSON && !json.Valid(line) {
					t.Errorf("no document: %s", line)
				}
			}
		}
		if counts[0] != counts[1] {
			t.Errorf("%d documents, %d lines of text", counts[0], counts[1])
		}
	})
}
