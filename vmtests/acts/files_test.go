// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"cmp"
	"maps"
	"slices"
	"testing"
)

const saidOfFiles = `
{"files":"/d"}
{"expect":{"action":"creation","pid":11,"fields":{"file.path":"/d/a","file.type":"file"}}}
{"expect":{"action":"modification","pid":11,"fields":{"file.path":"/d/a","sensor.file.summary":null,"file.Ext.write":null}}}
{"expect":{"action":"modification","pid":11,"fields":{"file.path":"/d/a","sensor.file.summary":true,"file.Ext.write.bytes":5}}}
{"expect":{"action":"rename","pid":11,"fields":{"file.path":"/x","file.Ext.original.path":"/d/a"}}}
{"expect":{"action":"deletion","pid":11,"fields":{"file.path":{"$ends":"/deep"}}}}
{"may":{"action":"deletion","pid":11,"fields":{"file.path":"/d/b"}}}
{"never":{"action":"modification","pid":11,"fields":{"file.inode":"9"}}}
`

func fileDocument(action, path string, more map[string]any) map[string]any {
	d := doc(action, 11, 9, nil)
	d["file"] = map[string]any{"path": path, "type": "file"}
	for field, value := range more {
		d[field] = value
	}
	return d
}

func sum(path string, bytes int) map[string]any {
	return fileDocument("modification", path, map[string]any{
		"sensor": map[string]any{"file": map[string]any{"summary": true}}, "file.Ext.write.bytes": float64(bytes),
	})
}

func TestCheckFiles(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func([]map[string]any) []map[string]any
		want   []string
	}{
		{name: "in another order", change: with()},
		{name: "what may be", change: with(fileDocument("deletion", "/d/b", nil))},
		{name: "outside", change: with(fileDocument("creation", "/e/a", nil), fileDocument("modification", "/dd", nil), fileDocument("deletion", "/d", nil))},
		{name: "what the act says", change: with(fileDocument("modification", "/output", map[string]any{"file.inode": "9"}))},
		{name: "after the end", change: with(doc("end", 11, 9, nil), fileDocument("deletion", "/d/b", nil)), want: []string{"end of 11: not expected"}},
		{name: "one that was not said", change: with(fileDocument("creation", "/d/c", nil)), want: []string{`creation of 11: not expected: file "/d/c"`}},
		{name: "an action without a word", change: with(fileDocument("attributes_modified", "/d/c", nil)), want: []string{"attributes_modified of 11: not expected"}},
		{name: "renamed from inside", change: with(fileDocument("rename", "/y", map[string]any{"file.Ext.original.path": "/d/c"})),
			want: []string{`rename of 11: not expected: file "/y", original "/d/c"`}},
		{name: "one too few", change: replace(1), want: []string{`creation of 11: no document of {"path":"/d/a"}`}},
		{name: "no sum", change: replace(2), want: []string{"modification of 11: no document"}},
		{name: "two sums", change: with(sum("/d/a", 5)), want: []string{`modification of 11: not expected: file "/d/a", original "", summary true`}},
		{name: "another sum", change: replace(2, sum("/d/a", 6)), want: []string{"modification of 11: file.Ext.write.bytes is 6, expected 5"}},
		{name: "not below, but said", change: with(fileDocument("deletion", "/very/deep", nil)), want: []string{`deletion of 11: not expected: file "/very/deep"`}},
		{name: "never", change: with(fileDocument("modification", "", map[string]any{"file.inode": "9"})),
			want: []string{"modification of 11: not expected", "modification of 11: must not be"}},
		{name: "by another process", change: func(docs []map[string]any) []map[string]any {
			docs[1]["process"].(map[string]any)["pid"] = 12.0
			return docs
		}, want: []string{"creation of 11: no document"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := parse([]byte(saidOfFiles))
			if err != nil {
				t.Fatal(err)
			}
			r.Name, r.PID, r.Args, r.Output = "files", 11, []string{"acts"}, "/output"
			r.Expect = append(r.Expect, Expectation{Action: "exec", PID: 11})
			expectErrors(t, Check(r, test.change([]map[string]any{
				doc("exec", 11, 9, map[string]any{"args": list("acts")}),
				fileDocument("creation", "/d/a", nil),
				sum("/d/a", 5),
				fileDocument("modification", "/d/a", nil),
				fileDocument("rename", "/x", map[string]any{"file.Ext.original.path": "/d/a"}),
				fileDocument("deletion", "/other/deep", nil),
			})), test.want)
		})
	}
}

// An act that says nothing of files does to them what it needs.
func TestCheckWithoutFiles(t *testing.T) {
	r, docs := scene(t)
	for i, action := range []string{"creation", "modification", "rename", "deletion", "attributes_modified"} {
		docs = slices.Insert(docs, 6+i, fileDocument(action, "/d/a", nil))
	}
	expectErrors(t, Check(r, docs), nil)
}

// checkObeyed holds an act to what it says of files: all of it can be true at
// once, and each document counts.
func checkObeyed(t *testing.T, r Result) {
	docs := obeyed(r)
	expectErrors(t, Check(r, docs), nil)
	for i, d := range docs {
		if !file(text(d, "event.action")) {
			continue
		}
		said := text(d, "event.action") + " of " + text(d, "file.path")
		if Check(r, slices.Delete(slices.Clone(docs), i, i+1)) == nil {
			t.Errorf("content without %s", said)
		}
		if Check(r, slices.Insert(slices.Clone(docs), i, d)) == nil {
			t.Errorf("content with a second %s", said)
		}
	}
}

// obeyed makes the documents that an act expects.
func obeyed(r Result) (docs []map[string]any) {
	rank := map[string]int{"fork": 1, "already_running": 1, "exec": 2, "end": 4}
	list := slices.SortedStableFunc(slices.Values(r.Expect), func(a, b Expectation) int {
		of := func(e Expectation) int { return cmp.Or(rank[e.Action], 3) }
		root := func(e Expectation) int {
			if e.PID == r.PID {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(of(a), of(b)), cmp.Compare(root(a), root(b)))
	})
	for _, e := range list {
		d := map[string]any{"event.action": e.Action, "process.pid": float64(e.PID)}
		maps.Copy(d, e.Fields)
		for field, value := range d {
			switch v := value.(type) {
			case nil:
				delete(d, field)
			case map[string]any:
				if end, ok := v["$ends"].(string); ok {
					d[field] = "/some" + end
				}
				if least, ok := v["$least"]; ok {
					d[field] = least
				}
			}
		}
		for _, a := range r.Also {
			if a.Action == e.Action && a.PID == e.PID {
				maps.Copy(d, a.Fields)
			}
		}
		docs = append(docs, d)
	}
	return docs
}
