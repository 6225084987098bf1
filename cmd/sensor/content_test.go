// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/vmtests"
	"sensor/vmtests/acts"
)

const (
	contentDir = "testdata/content"
	kernelsDoc = "../../docs/kernels.md"
)

// contentActs are those whose processes do the same in each run, one after the other.
var contentActs = strings.Fields(`
	exec exec-relative exec-symlink exec-deleted exec-memfd exec-chain fexecve execveat-dirfd vfork
	script script-of-script script-fd args-none args-empty args-cut-long args-forged odd-bytes odd-name-bytes
	path-chroot path-outside-root path-mount path-detached path-cwd-deleted
	cred-setuid cred-file-capabilities cred-capabilities cred-ids cred-ids-exec cred-groups cred-login
	ns-pid ns-all ns-time ns-user cgroup
	fork fork-clone3 fork-clone-parent fork-orphan exit-signals exit-killed exit-image
	leader-session leader-group leader-terminal thread-fork thread-exec exit-leader-first
	failed-missing failed-denied failed-interpreter failed-late older-parent compat-exec`)

// An exception is a difference from the golden that is the kernel's. Rows and
// acts are patterns. The field "document" stands for a whole one, "skipped" for
// an act that the row cannot run.
type exception struct{ row, act, field, reason string }

var exceptions = []exception{}

// on reports whether the exception is for this row. A host may have any kernel.
func (e exception) on(row string) bool {
	ok, _ := path.Match(e.row, row)
	return ok || row == "host"
}

func (e exception) names(act, field string) bool {
	ok, _ := path.Match(e.act, act)
	same, _ := path.Match(e.field, field)
	return ok && same
}

// TestContent compares what is reported of acts with what was on the kernel
// that the golden files were made on.
func TestContent(t *testing.T) {
	older := map[string]*acts.Running{}
	for _, act := range acts.List(t) {
		if act.Older && slices.Contains(contentActs, act.Name) {
			older[act.Name] = acts.Start(t, act.Name)
		}
	}
	s := start(t, "--kinds", "exec,fork,exit,already_running,exec_failed")
	results := map[string]acts.Result{}
	ends := map[string]time.Time{}
	begins := map[string]time.Time{}
	for _, name := range contentActs {
		begins[name] = time.Now()
		if running, ok := older[name]; ok {
			begins[name] = time.Time{}
			results[name] = running.Finish()
		} else {
			results[name] = acts.Run(t, name)
		}
		ends[name] = time.Now()
	}
	if lost := s.stop().Lost(); lost != 0 {
		t.Errorf("%d events were lost", lost)
	}
	lines, err := os.ReadFile(s.output)
	if err != nil {
		t.Fatal(err)
	}
	used := map[exception]bool{}
	for _, name := range contentActs {
		t.Run(name, func(t *testing.T) {
			if why := results[name].Skip; why != "" {
				if !excused(used, name, "skipped") {
					t.Errorf("skipped: %s", why)
				}
				return
			}
			got := normalise(t, results[name], documents(t, during(t, lines, func(at time.Time) bool {
				return at.After(begins[name].Add(-time.Second)) && at.Before(ends[name].Add(time.Second))
			})))
			if *update {
				writeContent(t, name, got)
				return
			}
			compare(t, used, name, got, readContent(t, name))
		})
	}
	for _, e := range exceptions {
		if e.on(row()) && !used[e] && row() != "host" && !*update {
			t.Errorf("the exception of %s, %s, %s is none any more", e.row, e.act, e.field)
		}
	}
}

// excused reports whether a difference has an exception.
func excused(used map[exception]bool, act, field string) (ok bool) {
	for _, e := range exceptions {
		if e.on(row()) && e.names(act, field) {
			used[e] = true
			ok = true
		}
	}
	return ok
}

func compare(t *testing.T, used map[exception]bool, act string, got, want []content) {
	differs := func(field, format string, args ...any) {
		if !excused(used, act, field) {
			t.Errorf(format, args...)
		}
	}
	common := func(list, other []content) (names []string) {
		for _, c := range list {
			if slices.ContainsFunc(other, func(o content) bool { return o.name == c.name }) {
				names = append(names, c.name)
			}
		}
		return names
	}
	if a, b := common(got, want), common(want, got); !slices.Equal(a, b) {
		differs("order", "documents in the order %v, want %v", a, b)
	}
	for _, c := range got {
		if !slices.Contains(common(got, want), c.name) {
			differs("document", "%s: not in the golden: %v", c.name, c.fields)
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(got, func(c content) bool { return c.name == w.name })
		if i < 0 {
			differs("document", "%s: missing", w.name)
			continue
		}
		all := maps.Clone(w.fields)
		maps.Copy(all, got[i].fields)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if g, w := got[i].fields[name], w.fields[name]; g != w {
				differs(name, "%s: %s is %s, want %s", got[i].name, name, cmp.Or(g, "absent"), cmp.Or(w, "absent"))
			}
		}
	}
}

// base is the document whose fields a golden does not repeat: the one before of
// the same process, else the act's first.
func base(list []content) map[string]string {
	i := len(list) - 1
	if i <= 0 {
		return nil
	}
	process := func(c content) string { return strings.Fields(c.name)[0] }
	if process(list[i-1]) == process(list[i]) {
		return list[i-1].fields
	}
	return list[0].fields
}

func contentFile(act string) string { return filepath.Join(contentDir, act+".json") }

func writeContent(t *testing.T, act string, list []content) {
	t.Helper()
	if row() != "host" {
		t.Fatal("golden files are made on a host")
	}
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, c := range list {
		before := base(list[:i+1])
		all := maps.Clone(c.fields)
		maps.Copy(all, before)
		fmt.Fprintf(&b, "{\"document\": %q", c.name)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if v, ok := c.fields[name]; ok && v != before[name] {
				fmt.Fprintf(&b, ",\n  %q: %s", name, v)
			} else if !ok {
				fmt.Fprintf(&b, ",\n  %q: null", name)
			}
		}
		b.WriteString(map[bool]string{true: "}\n", false: "},\n"}[i == len(list)-1])
	}
	b.WriteString("]\n")
	if err := os.MkdirAll(contentDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(contentFile(act), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readContent(t *testing.T, act string) (list []content) {
	t.Helper()
	text, err := os.ReadFile(contentFile(act))
	if err != nil {
		t.Fatal(err)
	}
	var docs []map[string]json.RawMessage
	if err := json.Unmarshal(text, &docs); err != nil {
		t.Fatalf("read %s: %v", contentFile(act), err)
	}
	for _, doc := range docs {
		c := content{fields: map[string]string{}}
		json.Unmarshal(doc["document"], &c.name)
		delete(doc, "document")
		list = append(list, c)
		maps.Copy(c.fields, base(list))
		for name, v := range doc {
			if c.fields[name] = string(v); c.fields[name] == "null" {
				delete(c.fields, name)
			}
		}
	}
	return list
}

// TestContentExceptions holds docs/kernels.md to the exceptions, and these to
// rows and acts that there are.
func TestContentExceptions(t *testing.T) {
	if row() != "host" {
		t.Skip("there are no docs in a VM")
	}
	var table strings.Builder
	rows, err := vmtests.Rows()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exceptions {
		fmt.Fprintf(&table, "| `%s` | `%s` | `%s` | %s |\n", e.row, e.act, e.field, e.reason)
		if !slices.ContainsFunc(rows, func(r vmtests.Row) bool { return e.on(r.Name) }) {
			t.Errorf("no row is %s", e.row)
		}
		if !slices.ContainsFunc(contentActs, func(act string) bool { return e.names(act, e.field) }) {
			t.Errorf("no act is %s", e.act)
		}
		if e.reason == "" {
			t.Errorf("the exception of %s, %s, %s lacks a reason", e.row, e.act, e.field)
		}
	}
	text, err := os.ReadFile(kernelsDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), "| --- | --- | --- | --- |\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- /exceptions -->")
	if !ok || !ok2 {
		t.Fatalf("%s has no table", kernelsDoc)
	}
	want := head + "| --- | --- | --- | --- |\n" + table.String() + "<!-- /exceptions -->" + tail
	if *update {
		err = os.WriteFile(kernelsDoc, []byte(want), 0o644)
	} else if want != string(text) {
		err = fmt.Errorf("%s differs from the code: run go test ./cmd/sensor -run TestContentExceptions -update", kernelsDoc)
	}
	if err != nil {
		t.Error(err)
	}
}
