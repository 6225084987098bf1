// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"sensor/vmtests/acts"
)

// A lens is what a source that knows less than BPF programs can see of an act.
type lens struct {
	source  string
	kinds   string   // --kinds
	actions []string // event.action of the documents that it answers for
	unknown []string // fields that it cannot fill; one that ends in a dot stands for all below
	blind   []blind  // acts that it sees otherwise
}

// through gives what a source can be held to of what an act said. Fields that
// must be absent stay: a source that does not know a thing must not tell it.
func (l lens) through(r acts.Result) acts.Result {
	filter := func(list []acts.Expectation) []acts.Expectation {
		var kept []acts.Expectation
		for _, e := range list {
			if !l.answersFor(e.Action) {
				continue
			}
			fields := map[string]any{}
			for field, value := range e.Fields {
				if value == nil || !l.lacks(field) {
					fields[field] = value
				}
			}
			e.Fields = fields
			kept = append(kept, e)
		}
		return kept
	}
	r.Expect, r.May, r.Also, r.Never, r.Failed = filter(r.Expect), filter(r.May), filter(r.Also), filter(r.Never), filter(r.Failed)
	if l.lacks("process.entity_id") {
		r.Distinct = nil
	}
	return r
}

func (l lens) answersFor(action string) bool {
	for _, a := range l.actions {
		if a == action {
			return true
		}
	}
	return false
}

func (l lens) lacks(field string) bool {
	for _, unknown := range l.unknown {
		if field == unknown || strings.HasSuffix(unknown, ".") && strings.HasPrefix(field, unknown) {
			return true
		}
	}
	return false
}
