// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sensor/vmtests/acts"
)

// A content is what one document says, whoever, whenever and wherever it was.
type content struct {
	name   string            // process, action and, from the second such document, number
	fields map[string]string // dotted path → JSON
}

const outside = "outside" // of the act

// aProcess lists the fields that a relative has, as docs/events.md has them.
var aProcess = []string{"pid", "entity_id", "name", "executable", "args", "args_count", "interactive", "start",
	"working_directory", "user", "group", "real_user", "real_group", "tty"}

// inherited lists what a process has from its creator, whoever runs the tests,
// until it changes that. The limit of what it can do is the harness's too.
var inherited = []string{"process.tty", "process.supplemental_groups", "sensor.login", "process.thread.capabilities.permitted"}

// A normaliser puts names in place of what differs from run to run.
type normaliser struct {
	names     map[string]string         // pid → P1, its children P1.1, P1.2: whichever ran first
	entities  map[string]string         // entity id → E1.1
	counted   map[string]map[string]int // thread ids, inodes of each type, cgroups, in order of appearance
	known     map[string]map[string]any // pid → its process in its last document
	first     map[string]any            // the act's first document
	inherited map[string]any            // dotted path → what the act has from outside
	begun     bool                      // its first exec was seen
	text      func(string) string
}

// normalise gives the documents of an act: process by process, each in the
// order of emission. docs are of the time of the act.
func normalise(t *testing.T, r acts.Result, docs []map[string]any) []content {
	t.Helper()
	n := &normaliser{names: map[string]string{}, entities: map[string]string{}, counted: map[string]map[string]int{},
		known: map[string]map[string]any{}, text: replacer(t, r)}
	own := n.pick(r, docs)
	if len(own) == 0 {
		t.Fatalf("no document of process %d", r.PID)
	}
	n.first = own[0]
	n.inherited = map[string]any{}
	for _, path := range inherited {
		n.inherited[path] = field(n.first, path)
	}
	// What a relative is compared with are documents that were emitted before.
	for _, doc := range own {
		process := doc["process"].(map[string]any)
		for _, kin := range []string{"parent", "session_leader", "group_leader"} {
			process[kin] = n.relative(process, kin)
		}
		n.known[number(process["pid"])] = maps.Clone(process)
	}
	slices.SortStableFunc(own, func(a, b map[string]any) int {
		x, y := n.process(a), n.process(b)
		return slices.CompareFunc(strings.Split(x, "."), strings.Split(y, "."), byNumber)
	})
	var list []content
	seen := map[string]int{}
	for _, doc := range own {
		action := field(doc, "event.action").(string)
		if action == "exec" && field(doc, "event.outcome") == "failure" {
			action = "exec_failed"
		}
		c := content{name: n.process(doc) + " " + action, fields: map[string]string{}}
		if seen[c.name]++; seen[c.name] > 1 {
			c.name = fmt.Sprint(c.name, " ", seen[c.name])
		}
		n.reduce(doc, action)
		n.flatten(c.fields, "", doc)
		list = append(list, c)
	}
	return list
}

// pick gives copies of the documents of the act's processes, and names these.
func (n *normaliser) pick(r acts.Result, docs []map[string]any) (own []map[string]any) {
	children := map[string]int{}
	for _, doc := range docs[begin(r, docs):] {
		pid, parent := number(field(doc, "process.pid")), n.names[number(field(doc, "process.parent.pid"))]
		switch action := field(doc, "event.action"); {
		case len(own) == 0:
			n.names[pid] = "P1"
		case (action == "fork" || action == "already_running") && parent != "":
			children[parent]++
			n.names[pid] = fmt.Sprintf("%s.%d", parent, children[parent])
		case action == "fork" || n.names[pid] == "":
			delete(n.names, pid)
			continue
		}
		own = append(own, deepCopy(doc).(map[string]any))
		if id, ok := field(doc, "process.entity_id").(string); ok {
			n.entities[id] = "E" + n.names[pid][1:]
		}
	}
	return own
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = deepCopy(v[name])
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = deepCopy(v[i])
		}
		return list
	}
	return v
}

// begin is the index of the fork of the act's process, or of what came first of it.
func begin(r acts.Result, docs []map[string]any) int {
	fork := len(docs)
	for i, doc := range docs {
		if number(field(doc, "process.pid")) != fmt.Sprint(r.PID) {
			continue
		}
		if fork == len(docs) || field(doc, "event.action") == "fork" {
			fork = i
		}
		if args, ok := field(doc, "process.args").([]any); ok && len(args) > 2 && args[2] == r.Args[2] {
			return fork
		}
	}
	return len(docs)
}

// replacer gives fixed names to the act's directories and its token.
func replacer(t *testing.T, r acts.Result) func(string) string {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fixed := strings.NewReplacer(filepath.Dir(r.Args[0]), "/acts", r.Args[2], "TOKEN", program, "/harness")
	directory := regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/acts-[0-9]+/act\.[A-Za-z0-9]{6}`)
	return func(s string) string { return fixed.Replace(directory.ReplaceAllString(s, "/dir")) }
}

func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

func number(v any) string {
	s, _ := v.(json.Number)
	return s.String()
}

func (n *normaliser) process(doc map[string]any) string {
	return n.names[number(field(doc, "process.pid"))]
}

// relative is a name, with the fields that differ from what was last known.
func (n *normaliser) relative(process map[string]any, kin string) any {
	kept := map[string]any{}
	relative, ok := process[kin].(map[string]any)
	if !ok {
		if _, first := field(n.first, "process."+kin).(map[string]any); (kin == "session_leader" || kin == "group_leader") && !first {
			return outside // which a sensor may not know: nobody leads the first processes, and whoever led the tests may be gone
		}
		return nil
	}
	if same, ok := relative["same_as_process"]; ok {
		kept["same_as_process"] = same
	}
	pid := number(relative["pid"])
	if n.names[pid] == "" {
		return outside
	}
	kept["is"] = n.names[pid]
	known := n.known[pid]
	if relative["same_as_process"] == true {
		known = process
	}
	for _, name := range aProcess {
		if !reflect.DeepEqual(relative[name], known[name]) {
			kept[name] = cmp.Or(relative[name], any("absent"))
		}
	}
	return kept
}

// reduce takes away what the host and not the act decides.
func (n *normaliser) reduce(doc map[string]any, action string) {
	for _, name := range []string{"@timestamp", "host", "agent", "ecs", "data_stream", "related"} {
		delete(doc, name)
	}
	event := doc["event"].(map[string]any)
	for _, name := range []string{"id", "sequence", "created", "module", "dataset"} {
		delete(event, name)
	}
	process := doc["process"].(map[string]any)
	delete(process, "entry_leader") // it tells how whoever runs the tests came in
	for _, path := range inherited[:3] {
		top, name, _ := strings.Cut(path, ".")
		if object, ok := doc[top].(map[string]any); ok && reflect.DeepEqual(object[name], n.inherited[path]) {
			delete(object, name)
		}
	}
	if process["tty"] == nil && process["interactive"] == true {
		process["interactive"] = false
	}
	args, _ := process["args"].([]any)
	for _, copied := range []string{"command_line", "title"} {
		if process[copied] == joined(args) {
			process[copied] = "args"
		}
	}
	if n.process(doc) != "P1" {
		return
	}
	image := []string{"name", "executable", "args", "args_count", "command_line", "working_directory"}
	switch {
	case action == "fork":
		for _, name := range image {
			process[name] = outside
		}
		delete(process["thread"].(map[string]any), "name")
	case action == "exec" && !n.begun:
		n.begun = true
		process["previous"] = outside
	}
}

func joined(args []any) string {
	var list []string
	for _, arg := range args {
		list = append(list, arg.(string))
	}
	return strings.Join(list, " ")
}

// count numbers things of a type by first appearance.
func (n *normaliser) count(typ, what string) int {
	if n.counted[typ] == nil {
		n.counted[typ] = map[string]int{}
	}
	if n.counted[typ][what] == 0 {
		n.counted[typ][what] = len(n.counted[typ]) + 1
	}
	return n.counted[typ][what]
}

func (n *normaliser) flatten(into map[string]string, path string, v any) {
	if object, ok := v.(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if name == "name" && isAccount(path) {
				continue // users of the host
			}
			n.flatten(into, strings.TrimPrefix(path+"."+name, "."), object[name])
		}
		return
	}
	if v = n.value(path, v); v != nil {
		into[path] = show(v)
	}
}

var accounts = regexp.MustCompile(`(^|\.)((real_|saved_)?(user|group)|effective|real|supplemental_groups)$`)

func isAccount(path string) bool { return accounts.MatchString(path) }

// value is what stands for a value.
func (n *normaliser) value(path string, v any) any {
	last := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case last == "start" || last == "end":
		return "T"
	case last == "entity_id":
		return n.entities[v.(string)]
	case (last == "pid" || last == "vpid") && n.names[number(v)] != "" && !strings.Contains(path, "namespaces"):
		return n.names[number(v)]
	case path == "process.thread.id":
		if name := n.names[number(v)]; name != "" {
			return name
		}
		return fmt.Sprint("T", n.count("thread", number(v)))
	case strings.HasPrefix(path, "sensor.namespaces."):
		return fmt.Sprint("N", n.count(path, number(v)))
	case strings.HasPrefix(path, "sensor.cgroup."):
		return fmt.Sprint("C", n.count(path, v.(string)))
	case path == "sensor.login.session":
		return fmt.Sprint("S", n.count(path, number(v)))
	case strings.HasPrefix(path, "process.thread.capabilities."):
		return n.capabilities(v.([]any))
	case strings.HasSuffix(path, "char_device.minor"):
		return "minor"
	case strings.HasPrefix(path, "sensor.raw."):
		b, err := hex.DecodeString(v.(string))
		if err != nil {
			return err.Error()
		}
		return hex.EncodeToString([]byte(n.text(string(b))))
	}
	return n.walk(v)
}

// capabilities says which of the harness's are there or, if fewer are not, which are not.
func (n *normaliser) capabilities(list []any) any {
	all, _ := n.inherited["process.thread.capabilities.permitted"].([]any)
	has, lacks := []any{}, []any{"all but"}
	for _, name := range all {
		if slices.Contains(list, name) {
			has = append(has, name)
		} else {
			lacks = append(lacks, name)
		}
	}
	switch {
	case len(has) == len(all):
		return "all"
	case len(lacks) < len(has):
		return lacks
	}
	return has
}

// walk replaces text at any depth.
func (n *normaliser) walk(v any) any {
	switch v := v.(type) {
	case string:
		return n.text(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = n.walk(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name := range v {
			if name != "name" {
				object[name] = n.walk(v[name])
			}
		}
		return object
	}
	return v
}

// show is JSON in one line; of what is long, the size and a digest.
func show(v any) string {
	const most = 1500
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(err)
	}
	text := strings.TrimSpace(b.String())
	if len(text) > most {
		return fmt.Sprintf(`"%d bytes of JSON, SHA-256 %x"`, len(text), sha256.Sum256([]byte(text)))
	}
	return text
}
