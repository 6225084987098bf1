// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// doc makes a document of a process 1000 + pid, which started at that second.
func doc(action string, pid, parent int, process map[string]any) map[string]any {
	p := map[string]any{
		"pid": float64(pid), "entity_id": entity(pid), "start": "s",
		"parent": map[string]any{"pid": float64(parent), "entity_id": entity(parent)},
	}
	maps.Copy(p, process)
	return map[string]any{"event": map[string]any{"action": action}, "process": p}
}

func entity(pid int) string { return "e" + string(rune('0'+pid%10)) }

func list(words ...string) []any {
	l := make([]any, len(words))
	for i, w := range words {
		l[i] = w
	}
	return l
}

const said = `
{"expect":{"action":"fork","pid":12,"fields":{"process.parent.pid":11}}}
{"expect":{"action":"exec","pid":12,"fields":{"process.args":["true","-a"],"process.args_count":2,"sensor.exec.script":null}}}
{"also":{"action":"exec","pid":12,"fields":{"user.id":"0","process.supplemental_groups":[{"id":"27"}]}}}
{"expect":{"action":"exec","pid":12,"fields":{"process.args":["again"]}}}
{"never":{"action":"exec","pid":12,"fields":{"process.thread.id":13}}}
{"expect":{"action":"end","pid":12,"fields":{"process.exit_code":3}}}
{"may":{"action":"fork","pid":15,"fields":{"process.parent.pid":2}}}
{"adopt":15}
{"expect":{"action":"exec","pid":15}}
{"expect":{"action":"end","pid":15}}
{"expect_failed":{"action":"exec","pid":12,"fields":{"event.outcome":"failure"}}}
`

// scene is an act with its process 11, which makes 12, and the documents of a
// sensor that saw it, between those of others with the same pids.
func scene(t *testing.T) (Result, []map[string]any) {
	r, err := parse([]byte(said))
	if err != nil {
		t.Fatal(err)
	}
	r.Name, r.PID, r.Args = "scene", 11, []string{"acts", "scene", "token"}
	r.Expect = append(r.Expect, Expectation{Action: "fork", PID: 11}, Expectation{Action: "exec", PID: 11},
		Expectation{Action: "end", PID: 11, Fields: map[string]any{"process.exit_code": 0}})
	exec := doc("exec", 12, 11, map[string]any{
		"args": list("true", "-a"), "args_count": json.Number("2"), "thread": map[string]any{"id": 12.0},
		"supplemental_groups": []any{map[string]any{"id": "27", "name": "sudo"}},
	})
	exec["user"] = map[string]any{"id": "0", "name": "root"}
	failed := doc("exec", 12, 11, map[string]any{"args": list("acts", "scene", "token")})
	failed["event"].(map[string]any)["outcome"] = "failure"
	foreign := doc("fork", 12, 9, map[string]any{"entity_id": "other"})
	end := doc("end", 12, 9, map[string]any{"entity_id": "other", "exit_code": 9.0})
	return r, []map[string]any{
		doc("fork", 11, 9, map[string]any{"entity_id": "earlier"}),
		doc("end", 11, 9, map[string]any{"entity_id": "earlier"}),
		foreign, end,
		doc("fork", 11, 9, nil), // number 4
		doc("exec", 11, 9, map[string]any{"args": list("acts", "scene", "token")}),
		doc("fork", 12, 11, nil),
		failed,
		exec, // number 8
		doc("exec", 15, 2, nil),
		doc("end", 15, 2, nil),
		doc("exec", 12, 11, map[string]any{"args": list("again")}),
		doc("end", 12, 11, map[string]any{"exit_code": 3.0}), // number 12
		foreign, end,
		doc("end", 11, 9, map[string]any{"exit_code": 0.0}), // number 15
	}
}

func TestCheck(t *testing.T) {
	change := func(n int, field string, value any) func([]map[string]any) []map[string]any {
		return func(docs []map[string]any) []map[string]any {
			d := docs[n]
			p := maps.Clone(d["process"].(map[string]any))
			p[field] = value
			docs[n] = map[string]any{"event": d["event"], "process": p, "user": d["user"]}
			return docs
		}
	}
	without := func(n int) func([]map[string]any) []map[string]any {
		return func(docs []map[string]any) []map[string]any { return slices.Delete(docs, n, n+1) }
	}
	with := func(n int, d map[string]any) func([]map[string]any) []map[string]any {
		return func(docs []map[string]any) []map[string]any { return slices.Insert(docs, n, d) }
	}
	script := doc("exec", 12, 11, map[string]any{"args": list("true", "-a"), "args_count": 2.0})
	script["sensor"] = map[string]any{"exec": map[string]any{"script": true}}
	tests := []struct {
		name   string
		change func([]map[string]any) []map[string]any
		want   []string // parts of the errors; none: no error
	}{
		{name: "as said"},
		{name: "a document that may be", change: with(9, doc("fork", 15, 2, nil))},
		{name: "one that may be, but not so", change: with(9, doc("fork", 15, 3, nil)), want: []string{"fork of 15: process.parent.pid is 3, expected 2"}},
		{name: "no fork", change: without(6), want: []string{"fork of 12: 0 documents, expected 1"}},
		{name: "no end", change: without(12), want: []string{"end of 12: 0 documents, expected 1"}},
		{name: "no act", change: func([]map[string]any) []map[string]any { return nil }, want: []string{"no document of its process 11"}},
		{name: "two ends", change: with(13, doc("end", 12, 11, map[string]any{"exit_code": 3.0})), want: []string{"end of 12 after its end", "end of 12: 2 documents"}},
		{name: "two forks", change: with(7, doc("fork", 12, 11, nil)), want: []string{"it lives already"}},
		{name: "two forks of the act", change: with(5, doc("fork", 11, 9, nil)), want: []string{"fork of 11: 2 documents"}},
		{name: "snapshot of what was forked", change: with(7, doc("already_running", 12, 11, nil)), want: []string{"already_running of 12: not expected"}},
		{name: "other arguments", change: change(8, "args", list("true", "-b")), want: []string{`process.args is ["true","-b"], expected ["true","-a"]`}},
		{name: "one argument", change: change(8, "args", list("true")), want: []string{"process.args is"}},
		{name: "arguments in one string", change: change(8, "args", "true -a"), want: []string{"process.args is"}},
		{name: "other number", change: change(8, "args_count", "2"), want: []string{"process.args_count is"}},
		{name: "code of another", change: change(12, "exit_code", 9.0), want: []string{"end of 12: process.exit_code is 9, expected 3"}},
		{name: "act failed", change: change(15, "exit_code", 1.0), want: []string{"end of 11: process.exit_code"}},
		{name: "a script", change: func(docs []map[string]any) []map[string]any { docs[8] = script; return docs },
			want: []string{"sensor.exec.script is true, expected none", "user.id is missing"}},
		{name: "no such group", change: change(8, "supplemental_groups", []any{}), want: []string{"process.supplemental_groups"}},
		{name: "more groups", change: change(8, "supplemental_groups", []any{map[string]any{"id": "27"}, map[string]any{"id": "28"}}), want: []string{"process.supplemental_groups"}},
		{name: "what must not be", change: change(8, "thread", map[string]any{"id": 13.0}), want: []string{"exec of 12: must not be"}},
		{name: "execs swapped", change: func(docs []map[string]any) []map[string]any { docs[8], docs[11] = docs[11], docs[8]; return docs }, want: []string{"process.args"}},
		{name: "a child that was not said", change: with(9, doc("fork", 16, 12, nil)), want: []string{"fork of 16: not expected"}},
		{name: "its exec alone", change: with(9, doc("exec", 16, 12, nil)), want: []string{"exec of 16: not expected"}},
		{name: "a stranger", change: with(9, doc("exec", 16, 9, nil))},
		{name: "another identity", change: change(12, "entity_id", "x"), want: []string{"end of 12: process.entity_id is x, was e2"}},
		{name: "another start", change: change(12, "start", "x"), want: []string{"process.start is x"}},
		{name: "another parent", change: change(8, "parent", map[string]any{"pid": 11.0, "entity_id": "x"}), want: []string{"process.parent.entity_id is x, was e1"}},
		{name: "adopted one is missing", change: without(9), want: []string{"exec of 15: 0 documents"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, docs := scene(t)
			if test.change != nil {
				docs = test.change(docs)
			}
			expectErrors(t, Check(r, docs), test.want)
		})
	}
}

func expectErrors(t *testing.T, errs []error, want []string) {
	t.Helper()
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	text := strings.Join(all, "\n")
	if len(want) == 0 && len(errs) > 0 {
		t.Errorf("errors:\n%s", text)
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("no error with %q in:\n%s", part, text)
		}
	}
}

func TestCheckFailed(t *testing.T) {
	r, docs := scene(t)
	expectErrors(t, CheckFailed(r, docs), nil)
	expectErrors(t, CheckFailed(r, slices.Insert(slices.Clone(docs), 8, docs[7])), []string{"exec failed of 12: 2 documents, expected 1"})
	expectErrors(t, CheckFailed(r, slices.Delete(docs, 7, 8)), []string{"exec failed of 12: 0 documents"})
	r, docs = scene(t)
	r.Failed = nil
	expectErrors(t, CheckFailed(r, docs), []string{"exec failed of 12: not expected"})
}

func TestCheckReusedPID(t *testing.T) {
	lives := func(entities ...string) (Result, []map[string]any) {
		r := Result{Name: "reuse", PID: 11, Args: []string{"acts"}, Distinct: []int{12},
			Expect: []Expectation{{Action: "exec", PID: 11}}}
		docs := []map[string]any{doc("exec", 11, 9, map[string]any{"args": list("acts")})}
		for _, e := range entities {
			for _, action := range []string{"fork", "exec", "end"} {
				r.Expect = append(r.Expect, Expectation{Action: action, PID: 12})
				docs = append(docs, doc(action, 12, 11, map[string]any{"entity_id": e, "start": e}))
			}
		}
		return r, docs
	}
	r, docs := lives("a", "b", "c")
	expectErrors(t, Check(r, docs), nil)
	r, docs = lives("a", "b", "a")
	expectErrors(t, Check(r, docs), []string{"pid 12: two processes share the entity id a"})
	r, docs = lives("a")
	expectErrors(t, Check(r, docs), []string{"pid 12: 1 processes, expected several"})
}

// A lost document costs no other one.
func TestCheckLostParent(t *testing.T) {
	r := Result{Name: "lost", PID: 11, Args: []string{"acts"}, Expect: []Expectation{
		{Action: "exec", PID: 11}, {Action: "fork", PID: 12}, {Action: "fork", PID: 13}, {Action: "end", PID: 13}, {Action: "end", PID: 12},
	}}
	docs := []map[string]any{
		doc("exec", 11, 9, map[string]any{"args": list("acts")}),
		doc("fork", 13, 12, nil), doc("end", 13, 12, nil), doc("end", 12, 11, nil),
	}
	if errs := Check(r, docs); len(errs) != 1 || errs[0].Error() != "fork of 12: 0 documents, expected 1" {
		t.Errorf("errors: %v", errs)
	}
}

func TestCheckSkipped(t *testing.T) {
	expectErrors(t, Check(Result{Skip: "no such thing"}, nil), nil)
}

func TestParseErrors(t *testing.T) {
	for _, line := range []string{`{"expects":{}}`, `{"expect":{"action":"exec","pid":"1"}}`, `{"fault":"no room"}`, `{`, `text`} {
		if _, err := parse([]byte(line)); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
}
