// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"iter"
	"slices"
	"time"
)

// tally counts how a field compares over all pairs in which it is.
type tally struct {
	agree, differ uint64
	lacked        [2]uint64 // by the side that has it not
	rules         map[string]uint64
	examples      []Difference
}

// both gives the fields of two documents, with nil for the value of one that a side lacks.
func both(a, b *document) iter.Seq2[fieldID, [2][]byte] {
	return func(yield func(fieldID, [2][]byte) bool) {
		if !merge(&a.own, &b.own, yield) {
			return
		}
		for i := range a.relatives {
			if !merge(a.relatives[i], b.relatives[i], yield) {
				return
			}
		}
	}
}

var nothing section

func merge(a, b *section, yield func(fieldID, [2][]byte) bool) bool {
	if a == nil {
		a = &nothing
	}
	if b == nil {
		b = &nothing
	}
	x, y := a.fields, b.fields
	for len(x) > 0 || len(y) > 0 {
		var id fieldID
		var values [2][]byte
		if len(y) == 0 || len(x) > 0 && x[0].id <= y[0].id {
			id, values[A] = x[0].id, a.value(x[0])
		} else {
			id = y[0].id
		}
		if len(y) > 0 && y[0].id == id {
			values[B] = b.value(y[0])
			y = y[1:]
		}
		if values[A] != nil {
			x = x[1:]
		}
		if !yield(id, values) {
			return false
		}
	}
	return true
}

// differing is how many fields both have with other values.
func (c *Comparison) differing(a, b *document) int {
	n := 0
	for id, v := range both(a, b) {
		if id != fieldTime && v[A] != nil && v[B] != nil && !bytes.Equal(v[A], v[B]) {
			n++
		}
	}
	return n
}

// tally compares the fields of a pair.
func (c *Comparison) tally(a, b *document) {
	for id, v := range both(a, b) {
		n := &c.names.list[id]
		if v[A] != nil && v[B] != nil && bytes.Equal(v[A], v[B]) {
			n.tally.agree++
			continue
		}
		if rule := c.fieldRuleFor(n.rules, a, b, v); rule != "" {
			if n.tally.rules == nil {
				n.tally.rules = map[string]uint64{}
			}
			n.tally.rules[rule]++
			continue
		}
		switch {
		case v[A] == nil:
			n.tally.lacked[A]++
		case v[B] == nil:
			n.tally.lacked[B]++
		default:
			n.tally.differ++
			if len(n.tally.examples) < c.options.Examples {
				n.tally.examples = append(n.tally.examples, Difference{
					Kind: a.kind.String(), Time: time.Unix(0, a.at).UTC(), PID: number(a.get(c.names, fieldPID)),
					Executable: shorten(text(a.get(c.names, fieldExecutable))), A: cut(v[A]), B: cut(v[B]),
				})
			}
		}
	}
}

// fieldRuleFor names the rule that makes two values right on both sides; "" if none does.
func (c *Comparison) fieldRuleFor(rules []FieldRule, a, b *document, v [2][]byte) string {
	docs := [2]*document{a, b}
	for _, rule := range rules {
		if len(rule.Kinds) > 0 && !slices.Contains(rule.Kinds, a.kind) {
			continue
		}
		for side := range docs {
			other := Side(side).other()
			if rule.Source == c.options.Sides[side].Source && rule.holds(c, said{docs[side], v[side]}, said{docs[other], v[other]}) {
				return rule.Name
			}
		}
	}
	return ""
}

// said is what one side says of a field.
type said struct {
	doc   *document
	value []byte // as JSON; nil if it lacks the field
}

// shorten keeps a text within what a report holds.
func shorten(s string) string {
	if len(s) > maxSample {
		return s[:maxSample] + "…"
	}
	return s
}
