// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// judged reports whether an act says all documents of the action.
func judged(action string) bool {
	switch action {
	case "already_running", "exec", "fork", "end":
		return true
	}
	return unordered(action)
}

// unordered reports whether those of a process come in any order.
func unordered(action string) bool { return network(action) || file(action) }

// network reports whether the action is one of a connection. Those of a process
// come in any order: a connection ends when the kernel gets to it.
func network(action string) bool {
	switch action {
	case "connection_attempted", "connection_accepted", "disconnect_received":
		return true
	}
	return false
}

// file reports whether the action is one of a file. Those of a process come in
// any order: what was written is summed up when the kernel gets to the release.
func file(action string) bool {
	switch action {
	case "creation", "modification", "rename", "deletion", "attributes_modified":
		return true
	}
	return false
}

// ofFiles leaves out what an act does not answer for: files outside of the
// directories that it named, unless it said something of one. So an act that
// names none may write what it needs.
func ofFiles(r Result, own []document) []document {
	// Paths that are not below, as seen by a process with another root.
	explicit := func(d document) bool {
		for _, list := range [][]Expectation{r.Expect, r.May, r.Also, r.Never} {
			for _, e := range list {
				if e.PID == d.pid && e.Action == d.action && names(e, d) {
					return true
				}
			}
		}
		return false
	}
	return slices.DeleteFunc(slices.Clone(own), func(d document) bool {
		if !file(d.action) {
			return false
		}
		if r.Output != "" && text(d.body, "file.path") == r.Output {
			return true
		}
		for _, dir := range r.Files {
			for _, field := range []string{"file.path", "file.Ext.original.path"} {
				if strings.HasPrefix(text(d.body, field), dir+"/") {
					return false
				}
			}
		}
		return !explicit(d)
	})
}

// names reports whether what was said names the file of the document.
func names(e Expectation, d document) (named bool) {
	for _, field := range []string{"file.path", "file.name", "file.inode"} {
		want, ok := e.Fields[field]
		if !ok {
			continue
		}
		got, present := lookup(d.body, field)
		if differs(want, got, present) != "" {
			return false
		}
		named = true
	}
	return named
}

// key is what documents and expectations are paired by.
type key struct {
	pid    int
	action string
}

// Check compares what an act said with a sensor's documents, in the order in
// which they were emitted, and returns one error for each thing that is not as
// it should be. It judges only the processes of the act, and those wholly: an
// exec, fork, end, connection or file (see Result.Files) that the act did not
// say is an error, and so are documents that contradict each other about which
// process it was. Failed execs are left to CheckFailed. An act that skipped is not judged.
func Check(r Result, docs []map[string]any) []error {
	if r.Skip != "" {
		return nil
	}
	own, lives, errs := tree(r, docs)
	have := byKey(ofFiles(r, own))
	may := map[key][]Expectation{}
	for _, e := range r.May {
		k := key{e.PID, e.Action}
		may[k] = append(may[k], e)
	}
	want := map[key][]Expectation{}
	for _, e := range r.Expect {
		k := key{e.PID, e.Action}
		for range max(1, e.Count) {
			want[k] = append(want[k], e)
		}
	}
	m := marks{}
	for _, k := range keys(may) {
		if len(have[k]) > 0 && !unordered(k.action) {
			errs = append(errs, pair(k, may[k], have[k], m)...)
		}
	}
	for _, k := range keys(want) {
		if unordered(k.action) {
			errs = append(errs, match(k, want[k], may[k], have[k], m)...)
		} else {
			errs = append(errs, pair(k, want[k], have[k], m)...)
		}
	}
	for _, k := range keys(have) {
		if _, ok := want[k]; ok {
			continue
		}
		if unordered(k.action) {
			errs = append(errs, match(k, nil, may[k], have[k], m)...)
		} else if judged(k.action) && len(may[k]) == 0 {
			for _, d := range have[k] {
				errs = append(errs, fmt.Errorf("%s of %d: not expected: %s", k.action, k.pid, summary(d)))
			}
		}
	}
	for _, e := range r.Also {
		k := key{e.PID, e.Action}
		if best, ok := nearest(e, have[k]); !ok {
			errs = append(errs, fmt.Errorf("%s of %d: no document", k.action, k.pid))
		} else if len(best) > 0 {
			errs = append(errs, fmt.Errorf("%s of %d: %s", k.action, k.pid, strings.Join(best, "; ")))
		}
	}
	errs = append(errs, checkNever(r, have)...)
	for _, pid := range r.Distinct {
		errs = append(errs, checkDistinct(pid, lives)...)
	}
	return errs
}

// CheckFailed compares the failed execs alone, for a sensor that reports them.
func CheckFailed(r Result, docs []map[string]any) []error {
	if r.Skip != "" {
		return nil
	}
	own, _, _ := tree(r, docs)
	have := byKey(own)
	want := map[key][]Expectation{}
	for _, e := range r.Failed {
		k := key{e.PID, execFailed}
		want[k] = append(want[k], e)
	}
	var errs []error
	for _, k := range keys(want) {
		errs = append(errs, pair(k, want[k], have[k], marks{})...)
	}
	for _, k := range keys(have) {
		if _, ok := want[k]; !ok && k.action == execFailed {
			errs = append(errs, fmt.Errorf("%s of %d: not expected: %s", k.action, k.pid, summary(have[k][0])))
		}
	}
	return errs
}

// pair compares the documents of one action and pid with what was said, in order.
func pair(k key, want []Expectation, have []document, m marks) (errs []error) {
	if len(want) == len(have) {
		for i, e := range want {
			if list := differences(e.Fields, have[i].body); len(list) > 0 {
				errs = append(errs, fmt.Errorf("%s of %d: %s", k.action, k.pid, strings.Join(list, "; ")))
			}
			errs = append(errs, m.compare(e, have[i])...)
		}
		return errs
	}
	errs = append(errs, fmt.Errorf("%s of %d: %d documents, expected %d", k.action, k.pid, len(have), len(want)))
	for _, e := range want {
		if best, ok := nearest(e, have); ok && len(best) > 0 {
			errs = append(errs, fmt.Errorf("%s of %d: the nearest document: %s", k.action, k.pid, strings.Join(best, "; ")))
		}
	}
	return errs
}

// nearest gives the differences of the document that has the fewest.
func nearest(e Expectation, have []document) (best []string, ok bool) {
	for i, d := range have {
		if list := differences(e.Fields, d.body); i == 0 || len(list) < len(best) {
			best = list
		}
	}
	return best, len(have) > 0
}

func checkNever(r Result, have map[key][]document) (errs []error) {
	for _, e := range r.Never {
		for _, d := range have[key{e.PID, e.Action}] {
			if len(differences(e.Fields, d.body)) == 0 {
				errs = append(errs, fmt.Errorf("%s of %d: must not be: %s", e.Action, e.PID, summary(d)))
			}
		}
	}
	return errs
}

func checkDistinct(pid int, lives []*life) (errs []error) {
	seen := map[string]bool{}
	n := 0
	for _, l := range lives {
		if l.pid != pid {
			continue
		}
		n++
		if l.entity != "" && seen[l.entity] {
			errs = append(errs, fmt.Errorf("pid %d: two processes share the entity id %s", pid, l.entity))
		}
		seen[l.entity] = true
	}
	if n < 2 {
		errs = append(errs, fmt.Errorf("pid %d: %d processes, expected several", pid, n))
	}
	return errs
}

func byKey(own []document) map[key][]document {
	m := map[key][]document{}
	for _, d := range own {
		k := key{d.pid, d.action}
		m[k] = append(m[k], d)
	}
	return m
}

// keys in an order that does not change from run to run.
func keys[V any](m map[key]V) []key {
	list := make([]key, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.action, b.action))
	})
	return list
}

func summary(d document) string {
	if network(d.action) {
		outcome, _ := lookup(d.body, "event.outcome")
		return fmt.Sprintf("%s %s to %s, direction %q, outcome %s", text(d.body, "network.transport"),
			end(d, "source"), end(d, "destination"), text(d.body, "network.direction"), show(outcome))
	}
	if file(d.action) {
		sum, _ := lookup(d.body, "sensor.file.summary")
		count, _ := lookup(d.body, "file.Ext.write.count")
		return fmt.Sprintf("%s %q, original %q, summary %s, count %s", text(d.body, "file.type"),
			text(d.body, "file.path"), text(d.body, "file.Ext.original.path"), show(sum), show(count))
	}
	args, _ := lookup(d.body, "process.args")
	code, _ := lookup(d.body, "process.exit_code")
	return fmt.Sprintf("executable %q, args %s, parent %d, exit code %s",
		text(d.body, "process.executable"), show(args), integer(d.body, "process.parent.pid"), show(code))
}

// wanted is what was said, or of a file what tells it from others: its fields are many.
func wanted(e Expectation) string {
	if !file(e.Action) {
		return show(e.Fields)
	}
	fields := map[string]any{}
	for _, field := range []string{"file.path", "file.Ext.original.path", "file.Ext.write.bytes", "sensor.file.summary"} {
		if value := e.Fields[field]; value != nil {
			fields[strings.TrimPrefix(field, "file.")] = value
		}
	}
	return show(fields)
}

func end(d document, which string) string {
	return net.JoinHostPort(text(d.body, which+".ip"), strconv.Itoa(integer(d.body, which+".port")))
}
