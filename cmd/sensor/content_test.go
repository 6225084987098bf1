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

	"sensor/internal/events"
	"sensor/vmtests"
	"sensor/vmtests/acts"
)

const (
	contentDir = "testdata/content"
	kernelsDoc = "../../docs/kernels.md"
)

// contentActs are those whose processes do the same in each run, one after the other.
var contentActs = strings.Fields(`
	exec exec-deleted exec-memfd exec-chain fexecve vfork script script-fd
	args-none args-cut-long args-forged odd-bytes path-chroot path-mount path-detached path-cwd-deleted
	cred-setuid cred-file-capabilities cred-capabilities cred-ids cred-groups cred-login
	ns-pid ns-all ns-time ns-user cgroup fork fork-clone3 fork-clone-parent fork-orphan
	exit-signals leader-session leader-terminal thread-exec exit-leader-first
	failed-missing failed-interpreter failed-late older-parent older-deleted older-leader-gone compat-exec`)

// An exception is a difference from the golden files that is not the sensor's.
// Row and field are patterns, acts several. The field "document" stands for a
// whole one, "skipped" for an act that the row cannot run.
type exception struct{ row, acts, field, reason string }

var exceptions = []exception{
	{"5.10", "exec-deleted exec-memfd fexecve script-fd path-detached", "process.thread.name",
		"a program run by descriptor: this kernel names the thread after the descriptor, later ones after the file"},
	{"5.10", "failed-missing failed-interpreter failed-late", "document",
		"failed execs are not served before Linux 5.11, which lack `bpf_get_current_task_btf`"},
	{"5.10", "failed-late", "process.executable",
		"only the failed exec would tell the image: before Linux 6.16 the memory is gone when a process ends"},
	{"*-arm64", "compat-exec", "skipped", "the act is for 32-bit x86"},
}

// on reports whether the exception is for this row. A host may have any kernel.
func (e exception) on(row string) bool { return anyKernel(row) || matches(e.row, row) }

func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}

// excuses are the exceptions of this row that were needed, each for an act.
type excuses map[[2]string]bool

func (used excuses) take(act, field string) (ok bool) {
	for _, e := range exceptions {
		if e.on(row()) && slices.Contains(strings.Fields(e.acts), act) && matches(e.field, field) {
			used[[2]string{act, e.field}] = true
			ok = true
		}
	}
	return ok
}

// unused names the exceptions of this row that acts did not need.
func (used excuses) unused(acts []string) (list []string) {
	for _, e := range exceptions {
		for _, act := range strings.Fields(e.acts) {
			if matches(e.row, row()) && slices.Contains(acts, act) && !used[[2]string{act, e.field}] {
				list = append(list, act+": "+e.field)
			}
		}
	}
	return list
}

// TestContent compares what is reported of acts with what was on the kernel
// that the golden files were made on.
func TestContent(t *testing.T) {
	wanted := []string{"exec", "fork", "exit", "already_running", "exec_failed"}
	kinds := wanted
	if bare() { // then it is about the snapshot from /proc
		kinds = []string{"already_running"}
	}
	var names []string
	older := map[string]*acts.Running{}
	for _, act := range acts.List(t) {
		if slices.Contains(contentActs, act.Name) && (act.Older || len(kinds) > 1) {
			names = append(names, act.Name)
			if act.Older {
				older[act.Name] = acts.Start(t, act.Name)
			}
		}
	}
	s := start(t, "--source", "ebpf", "--kinds", strings.Join(wanted, ","))
	var balance events.Balance
	if len(kinds) == 1 { // or the acts end before the sensor looks
		balance = s.stop()
	}
	results := map[string]acts.Result{}
	ends := map[string]time.Time{}
	begins := map[string]time.Time{}
	for _, name := range names {
		begins[name] = time.Now()
		if running, ok := older[name]; ok {
			begins[name] = time.Time{}
			results[name] = running.Finish()
		} else {
			results[name] = acts.Run(t, name)
		}
		ends[name] = time.Now()
	}
	if len(kinds) > 1 {
		balance = s.stop()
	}
	if n := lost(balance); n != 0 {
		t.Errorf("%d events were lost: %v", n, balance.Dropped)
	}
	saysWhatServes(t, s, wanted)
	docs := s.documents()
	used := excuses{}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if why := results[name].Skip; why != "" {
				if !used.take(name, "skipped") {
					t.Errorf("skipped: %s", why)
				}
				return
			}
			got := normalise(t, results[name], between(t, docs, begins[name].Add(-time.Second), ends[name].Add(time.Second)))
			if *update && row() == "host" {
				writeContent(t, name, got)
			}
			compareDocuments(t, used, name, got, only(kinds, readContent(t, name)))
		})
	}
	if list := used.unused(names); len(list) > 0 && !*update {
		t.Errorf("exceptions of row %s that are none any more: %s", row(), strings.Join(list, ", "))
	}
}

// saysWhatServes wants the sensor, which has ended, to have said of each kind
// what serves it or that nothing does and, on a bare row, the kernel's reason.
func saysWhatServes(t *testing.T, s *sensor, kinds []string) {
	t.Helper()
	said := s.log.String()
	for _, kind := range kinds {
		missing := strings.Contains(said, `msg="kind is not available" kind=`+kind+"\n")
		if serving := strings.Contains(said, "msg=serving kind="+kind+" "); serving == missing {
			t.Errorf("kind %s: it says that it is served: %v, that it is not: %v", kind, serving, missing)
		}
		if want := bare() && kind != events.KindAlreadyRunning.String(); want && !missing {
			t.Errorf("kind %s is not said to be missing", kind)
		}
	}
	if bare() && !strings.Contains(said, bareRows[row()]) {
		t.Errorf("it does not say %q", bareRows[row()])
	}
	if t.Failed() {
		t.Logf("the sensor said:\n%s", said)
	}
}

// between gives the documents of some time.
func between(t *testing.T, docs []map[string]any, begin, end time.Time) (picked []map[string]any) {
	t.Helper()
	for _, doc := range docs {
		at, err := time.Parse(time.RFC3339Nano, field(doc, "@timestamp").(string))
		if err != nil {
			t.Fatal(err)
		}
		if at.After(begin) && at.Before(end) {
			picked = append(picked, doc)
		}
	}
	return picked
}

// only picks what a sensor without the other kinds reports.
func only(kinds []string, list []content) []content {
	if len(kinds) == 1 {
		list = slices.DeleteFunc(list, func(c content) bool { return !strings.Contains(c.name, kinds[0]) })
	}
	return list
}

func compareDocuments(t *testing.T, used excuses, act string, got, want []content) {
	differs := func(field, format string, args ...any) {
		if !used.take(act, field) {
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
		if err := json.Unmarshal(doc["document"], &c.name); err != nil {
			t.Fatalf("read %s: %v", contentFile(act), err)
		}
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

// TestContentExceptions holds docs/kernels.md to the exceptions, and these and
// the golden files to rows and acts that there are.
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
		fmt.Fprintf(&table, "| `%s` | %s | `%s` | %s |\n", e.row, strings.ReplaceAll(e.acts, " ", ", "), e.field, e.reason)
		if !slices.ContainsFunc(rows, func(r vmtests.Row) bool { return e.on(r.Name) }) {
			t.Errorf("no row is %s", e.row)
		}
		for _, act := range strings.Fields(e.acts) {
			if !slices.Contains(contentActs, act) {
				t.Errorf("the exceptions have %s, which is not compared", act)
			}
		}
	}
	files, err := filepath.Glob(contentFile("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if act := strings.TrimSuffix(filepath.Base(file), ".json"); !slices.Contains(contentActs, act) {
			t.Errorf("%s is of no act that is compared", file)
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
