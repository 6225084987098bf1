// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"fmt"
)

// document is one that belongs to an act.
type document struct {
	body   map[string]any
	action string // "exec failed" for an exec with the outcome failure
	pid    int
	life   *life
}

// life is one process: a pid from its first document to its end.
type life struct {
	pid    int
	entity string
	start  string
	ended  bool
}

const execFailed = "exec failed"

// tree picks the documents of an act's processes out of all, which have to be
// in the order in which a sensor emitted them, and the ways in which they
// contradict each other. A pid that another process has afterwards is told
// apart by that one's fork.
func tree(r Result, docs []map[string]any) (own []document, lives []*life, errs []error) {
	alive := map[int]*life{} // and ended ones, until the pid is used again
	begin := func(pid int) *life {
		l := &life{pid: pid}
		alive[pid] = l
		lives = append(lives, l)
		return l
	}
	adopted := map[int]bool{}
	for _, pid := range r.Adopted {
		adopted[pid] = true
	}
	named := map[int]bool{}
	for _, e := range r.Expect {
		named[e.PID] = true
	}
	first := root(r, docs)
	if first < 0 {
		return nil, nil, []error{fmt.Errorf("find act %s: no document of its process %d", r.Name, r.PID)}
	}
	for i, body := range docs[first:] {
		d := document{body: body, action: text(body, "event.action"), pid: integer(body, "process.pid")}
		if d.action == "exec" && text(body, "event.outcome") == "failure" {
			d.action = execFailed
		}
		if d.pid == 0 {
			continue
		}
		parent := alive[integer(body, "process.parent.pid")]
		l := alive[d.pid]
		switch {
		case d.action == "fork" || i == 0:
			rootAgain := d.pid == r.PID && l != nil && !l.ended
			lostParent := named[d.pid] && named[integer(body, "process.parent.pid")] // whose fork is missing
			if i > 0 && parent == nil && !adopted[d.pid] && !rootAgain && !lostParent {
				delete(alive, d.pid) // the pid is somebody else's now
				continue
			}
			if l != nil && !l.ended {
				errs = append(errs, fmt.Errorf("fork of %d: it lives already", d.pid))
			}
			l = begin(d.pid)
		case l == nil && (parent != nil || adopted[d.pid]): // its fork is missing
			l = begin(d.pid)
		case l == nil:
			continue
		case l.ended && (d.action == "exec" || d.action == "end"):
			errs = append(errs, fmt.Errorf("%s of %d after its end", d.action, d.pid))
		}
		d.life = l
		if d.action == "end" {
			l.ended = true
			delete(adopted, d.pid)
		}
		errs = append(errs, l.agree(d, parent)...)
		own = append(own, d)
	}
	return own, lives, errs
}

// agree compares what a document says of a process with what earlier ones said.
func (l *life) agree(d document, parent *life) (errs []error) {
	same := func(known *string, field, got string) {
		if *known == "" {
			*known = got
		}
		if got != "" && got != *known {
			errs = append(errs, fmt.Errorf("%s of %d: %s is %s, was %s", d.action, d.pid, field, got, *known))
		}
	}
	same(&l.entity, "process.entity_id", text(d.body, "process.entity_id"))
	same(&l.start, "process.start", text(d.body, "process.start"))
	if parent != nil && !parent.ended {
		same(&parent.entity, "process.parent.entity_id", text(d.body, "process.parent.entity_id"))
	}
	return errs
}

// root is the index of the act's first document: with the same pid and
// arguments, or the fork before it. Without arguments the pid has to do.
func root(r Result, docs []map[string]any) int {
	fork := -1
	for i, doc := range docs {
		if integer(doc, "process.pid") != r.PID {
			continue
		}
		switch text(doc, "event.action") {
		case "fork":
			if fork < 0 {
				fork = i
			}
		case "end":
			fork = -1
		}
		args, _ := lookup(doc, "process.args")
		if r.Args != nil && !sameArgs(r.Args, args) {
			continue
		}
		if text(doc, "event.action") == "exec" && fork >= 0 {
			return fork
		}
		return i
	}
	return -1
}

func sameArgs(want []string, got any) bool {
	list, ok := got.([]any)
	if !ok || len(list) != len(want) {
		return false
	}
	for i, v := range list {
		if v != want[i] {
			return false
		}
	}
	return true
}
