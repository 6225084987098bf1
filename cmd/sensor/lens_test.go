// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"sensor/vmtests/acts"
)

// A lens is what a source that knows less than BPF programs can see of an act.
type lens struct {
	source  string
	kinds   string   // --kinds
	actions []string // event.action of the documents that it answers for
	// By action, or "" for every one, the fields that it cannot fill; one that ends in a dot stands for all below.
	unknown map[string]string
	only    string // if set, the fields that it always fills; the others it knows if it is in time
	// By action, the acts that it is held to; of the others it sees a part.
	partly map[string]string
	// Whether the source tells no forks: who is named belongs to the act.
	forkless bool
	// Whether ends by a signal are not told.
	signalless bool
	blind      []blind // acts that it sees otherwise
}

// through gives what a source can be held to of what an act said. Fields that
// must be absent stay: a source that does not know a thing must not tell it.
func (l lens) through(r acts.Result) acts.Result {
	filter := func(list []acts.Expectation, whole bool) []acts.Expectation {
		var kept []acts.Expectation
		for _, e := range list {
			if !l.judges(r.Name, e.Action) {
				continue
			}
			fields := map[string]any{}
			for field, value := range e.Fields {
				if value == nil || !l.lacks(e.Action, field) {
					fields[field] = value
				}
			}
			if whole && len(fields) < len(e.Fields) {
				continue
			}
			e.Fields = fields
			kept = append(kept, e)
		}
		return kept
	}
	if l.only != "" {
		r.Args = nil
	}
	if l.forkless || l.only != "" {
		for _, e := range r.Expect {
			r.Adopted = append(r.Adopted, e.PID)
		}
	}
	r.Expect = slices.DeleteFunc(r.Expect, func(e acts.Expectation) bool {
		return e.Action == "end" && e.Fields["sensor.exit.signal"] != nil && l.signalless ||
			e.Fields["sensor.file.summary"] == true
	})
	r.Expect, r.May, r.Also, r.Failed = filter(r.Expect, false), filter(r.May, false), filter(r.Also, false), filter(r.Failed, false)
	r.Never = filter(r.Never, true)
	if l.lacks("exec", "process.entity_id") {
		r.Distinct = nil
	}
	return r
}

// see leaves out the documents that the act is not judged by.
func (l lens) see(act string, docs []map[string]any) []map[string]any {
	return slices.DeleteFunc(docs, func(doc map[string]any) bool {
		action, _ := field(doc, "event.action").(string)
		return !l.judges(act, action)
	})
}

func (l lens) judges(act, action string) bool {
	held, partly := l.partly[action]
	return slices.Contains(l.actions, action) && (!partly || slices.Contains(strings.Fields(held), act))
}

func (l lens) lacks(action, field string) bool {
	if l.only != "" {
		return !slices.Contains(strings.Fields(l.only), field)
	}
	for _, unknown := range strings.Fields(l.unknown[""] + " " + l.unknown[action]) {
		if field == unknown || strings.HasSuffix(unknown, ".") && strings.HasPrefix(field, unknown) {
			return true
		}
	}
	return false
}
