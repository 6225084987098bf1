// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sensor/internal/events"
)

// Format is the version of the report's form. Fields may be added to one.
const Format = 1

// A Report is what a comparison has found. Durations are in ns.
type Report struct {
	Format    int           `json:"format"`
	Begin     time.Time     `json:"begin"` // from when on both sides watched
	End       time.Time     `json:"end"`
	A         SideReport    `json:"a"`
	B         SideReport    `json:"b"`
	Agreement Agreement     `json:"agreement"`
	Kinds     []KindReport  `json:"kinds"`  // in the order of the kinds, those that were seen
	Fields    []FieldReport `json:"fields"` // by name
	Rules     []RuleReport  `json:"rules"`  // those that were applied
	Tax       []Tax         `json:"tax,omitempty"`
	Command   *Command      `json:"command,omitempty"` // that ran under the comparison
	Faults    []string      `json:"faults,omitempty"`  // what does not add up
}

// Command is what ran while both sides watched.
type Command struct {
	Args     []string `json:"args"`
	ExitCode int      `json:"exit_code"` // 128 and the signal's number if a signal has ended it
}

// SideReport is one side as a whole.
type SideReport struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Seen    uint64 `json:"seen"`    // events that were compared, of all kinds
	Ignored uint64 `json:"ignored"` // events of the comparison's own processes
	Faulty  uint64 `json:"faulty"`  // lines that were no events
	Measured
	PerEvent *PerEvent `json:"per_event,omitempty"`
}

// Measured is what the caller knows of a side. What is zero was not measured.
type Measured struct {
	Balance *events.Balance `json:"balance,omitempty"` // its own accounts
	CPU     time.Duration   `json:"cpu_ns,omitempty"`  // of its process, user and system
	Memory  uint64          `json:"memory_bytes,omitempty"`
	Kernel  []KernelTime    `json:"kernel,omitempty"`
}

// KernelTime is time that the kernel spends for a source while others call it.
type KernelTime struct {
	Name string        `json:"name"` // bpf, audit
	Time time.Duration `json:"time_ns"`
	Runs uint64        `json:"runs,omitempty"`
	Note string        `json:"note,omitempty"` // how it was measured
}

// PerEvent is the cost of an event: what was measured over what was delivered.
type PerEvent struct {
	CPU    time.Duration `json:"cpu_ns"`
	Kernel time.Duration `json:"kernel_ns"`
}

// Agreement is how far the two agree. Events that are undecided or fall under a
// rule count on neither side of it, and so do fields that one side lacks.
type Agreement struct {
	Events Ratio `json:"events"` // pairs, of all that one side or both have seen
	Fields Ratio `json:"fields"` // equal values, of all that both sides have
}

// Ratio is a part of a whole.
type Ratio struct {
	Agree uint64  `json:"agree"`
	Of    uint64  `json:"of"`
	Ratio float64 `json:"ratio"` // 0 if Of is
}

func ratio(agree, of uint64) Ratio {
	r := Ratio{Agree: agree, Of: of}
	if of > 0 {
		r.Ratio = float64(agree) / float64(of)
	}
	return r
}

// KindReport is one kind. For each side seen = both + only + undecided + the sum of its rules, exactly.
type KindReport struct {
	Kind string   `json:"kind"`
	Both uint64   `json:"both"` // pairs
	A    KindSide `json:"a"`
	B    KindSide `json:"b"`
}

// KindSide is what one side has told of a kind.
type KindSide struct {
	Seen      uint64            `json:"seen"`
	Only      uint64            `json:"only"`      // the other has not seen it
	ToldLost  uint64            `json:"told_lost"` // of Only: the other has told that it lost such events at that time
	Undecided Undecided         `json:"undecided"`
	Rules     map[string]uint64 `json:"rules,omitempty"` // the other has reason not to tell it: by rule
	Delay     *Delay            `json:"delay,omitempty"`
	Examples  []Example         `json:"examples,omitempty"` // of Only
}

// Undecided are events of which it cannot be known whether the other has seen them.
type Undecided struct {
	Edge uint64 `json:"edge"` // before both watched, or after
	Full uint64 `json:"full"` // too many waited for their partner; also their partners, and others of that time
}

// Total is their sum.
func (u Undecided) Total() uint64 { return u.Edge + u.Full }

// Ruled is how many events fall under rules.
func (k KindSide) Ruled() uint64 {
	var n uint64
	for _, count := range k.Rules {
		n += count
	}
	return n
}

// Delay is from what happened to its event.
type Delay struct {
	Count   uint64        `json:"count"`
	P50     time.Duration `json:"p50_ns"` // at most 6.25 % too high, as all here
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	Buckets []Bucket      `json:"buckets"`
}

// Bucket is how many delays were above the bucket before and not above UpTo.
type Bucket struct {
	UpTo  time.Duration `json:"up_to_ns"`
	Count uint64        `json:"count"`
}

// Example is an event of one side alone.
type Example struct {
	Time     time.Time       `json:"time"`
	PID      uint64          `json:"pid"`
	Summary  string          `json:"summary"`
	Document json.RawMessage `json:"document"` // dotted names and values, as far as they are compared
}

// FieldReport is one field in all pairs where one side or both have it.
type FieldReport struct {
	Field    string            `json:"field"`
	Agree    uint64            `json:"agree"`
	Differ   uint64            `json:"differ"`
	LackedA  uint64            `json:"lacked_by_a"`
	LackedB  uint64            `json:"lacked_by_b"`
	Rules    map[string]uint64 `json:"rules,omitempty"`
	Examples []Difference      `json:"examples,omitempty"`
}

// Difference is an example of two values that differ.
type Difference struct {
	Kind       string          `json:"kind"`
	Time       time.Time       `json:"time"` // as A has it
	PID        uint64          `json:"pid"`
	Executable string          `json:"executable,omitempty"`
	A          json.RawMessage `json:"a"`
	B          json.RawMessage `json:"b"`
}

// RuleReport is how often a rule was applied, to events or to fields.
type RuleReport struct {
	Name   string `json:"name"`
	Of     string `json:"of"` // events or fields
	Count  uint64 `json:"count"`
	Reason string `json:"reason"`
}

// Tax is what a system call takes that no source is interested in.
type Tax struct {
	Call string        `json:"call"`
	None time.Duration `json:"none_ns"` // with neither source
	A    time.Duration `json:"a_ns"`
	B    time.Duration `json:"b_ns"`
	Both time.Duration `json:"both_ns,omitempty"`
}

// Report says what the comparison has found. It is final after End.
func (c *Comparison) Report() *Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Report{Format: Format, A: c.sideReport(A), B: c.sideReport(B), Kinds: []KindReport{}, Fields: []FieldReport{}, Rules: []RuleReport{}}
	if c.begin != 0 {
		r.Begin = time.Unix(0, c.begin).UTC()
	}
	if c.end != 0 {
		r.End = time.Unix(0, c.end).UTC()
	}
	var pairs, alone uint64
	for kind := range events.KindCount {
		a, b := c.sides[A].kinds[kind], c.sides[B].kinds[kind]
		if a == nil && b == nil {
			continue
		}
		k := KindReport{Kind: kind.String(), Both: c.pairs[kind], A: a.report(), B: b.report()}
		pairs += k.Both
		alone += k.A.Only + k.B.Only
		r.A.Seen += k.A.Seen
		r.B.Seen += k.B.Seen
		r.Kinds = append(r.Kinds, k)
	}
	var agree, differ uint64
	fieldCounts := map[string]uint64{}
	for i := range c.names.list {
		n := &c.names.list[i]
		t := &n.tally
		if t.agree+t.differ+t.lacked[A]+t.lacked[B] == 0 && len(t.rules) == 0 {
			continue
		}
		agree += t.agree
		differ += t.differ
		for rule, count := range t.rules {
			fieldCounts[rule] += count
		}
		r.Fields = append(r.Fields, FieldReport{
			Field: n.name, Agree: t.agree, Differ: t.differ, LackedA: t.lacked[A], LackedB: t.lacked[B], Rules: t.rules, Examples: t.examples,
		})
	}
	slices.SortFunc(r.Fields, func(a, b FieldReport) int { return strings.Compare(a.Field, b.Field) })
	r.Agreement = Agreement{Events: ratio(pairs, pairs+alone), Fields: ratio(agree, agree+differ)}
	for i, rule := range eventRules {
		r.rule(rule.Name, "events", c.rules[i], rule.Reason)
	}
	for _, rule := range fieldRules {
		r.rule(rule.Name, "fields", fieldCounts[rule.Name], rule.Reason)
	}
	return r
}

func (r *Report) rule(name, of string, count uint64, reason string) {
	if count > 0 {
		r.Rules = append(r.Rules, RuleReport{name, of, count, reason})
	}
}

func (c *Comparison) sideReport(side Side) SideReport {
	o, s := c.options.Sides[side], &c.sides[side]
	return SideReport{Name: o.Name, Source: o.Source, Ignored: s.ignored, Faulty: s.faulty}
}

func (k *kindState) report() KindSide {
	if k == nil {
		return KindSide{}
	}
	side := KindSide{
		Seen: k.seen, Only: k.only, ToldLost: k.toldLost, Undecided: Undecided{k.edge, k.full}, Delay: k.delays.delay(), Examples: k.examples,
	}
	for i, n := range k.rules {
		if n > 0 {
			if side.Rules == nil {
				side.Rules = map[string]uint64{}
			}
			side.Rules[eventRules[i].Name] = n
		}
	}
	return side
}

// example is an event of one side alone. It has what it is known by in words.
func (c *Comparison) example(d *document) Example {
	words := []string{}
	for _, id := range append([]fieldID{fieldExecutable}, pairings[d.kind].content...) {
		if value := d.get(c.names, id); value != nil && (len(words) == 0 || id != fieldExecutable) {
			words = append(words, text(value))
		}
	}
	return Example{
		Time: time.Unix(0, d.at).UTC(), PID: number(d.get(c.names, fieldPID)),
		Summary: shorten(strings.Join(words, " ")), Document: d.sample(c.names),
	}
}

// Measure adds what the caller has measured, and checks it against what was compared.
func (r *Report) Measure(a, b Measured, tax []Tax) {
	r.A.measure(a)
	r.B.measure(b)
	r.Tax = tax
	r.Faults = r.check()
}

func (s *SideReport) measure(m Measured) {
	s.Measured = m
	delivered := s.Seen + s.Ignored
	if delivered == 0 || m.CPU == 0 && len(m.Kernel) == 0 {
		return
	}
	var kernel time.Duration
	for _, k := range m.Kernel {
		kernel += k.Time
	}
	s.PerEvent = &PerEvent{CPU: m.CPU / time.Duration(delivered), Kernel: kernel / time.Duration(delivered)}
}

// check says what does not add up.
func (r *Report) check() []string {
	var faults []string
	for _, k := range r.Kinds {
		for _, side := range [...]struct {
			name string
			KindSide
		}{{r.A.Name, k.A}, {r.B.Name, k.B}} {
			if sum := k.Both + side.Only + side.Undecided.Total() + side.Ruled(); side.Seen != sum {
				faults = append(faults, fmt.Sprintf("%s of %s: seen %d, but decided %d", k.Kind, side.name, side.Seen, sum))
			}
		}
	}
	for _, side := range []*SideReport{&r.A, &r.B} {
		if side.Balance == nil {
			continue
		}
		if err := side.Balance.Check(); err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", side.Name, err))
		}
		var delivered uint64
		for name, n := range side.Balance.Delivered {
			if kind, _ := events.KindByName(name); !kind.Traits().Internal {
				delivered += n
			}
		}
		if compared := side.Seen + side.Ignored + side.Faulty; delivered != compared {
			faults = append(faults, fmt.Sprintf("%s: delivered %d events, but %d came here", side.Name, delivered, compared))
		}
	}
	return faults
}

// Lost is how many events the side counts as lost; 0 if it gave no account.
func (s *SideReport) Lost() uint64 {
	if s.Balance == nil {
		return 0
	}
	return s.Balance.Lost()
}

// Check is an error if the two agree less than the least that is wanted, each
// from 0 to 1, or if nothing was compared.
func (r *Report) Check(leastEvents, leastFields float64) error {
	for _, c := range [...]struct {
		what  string
		ratio Ratio
		least float64
	}{{"events", r.Agreement.Events, leastEvents}, {"fields", r.Agreement.Fields, leastFields}} {
		switch {
		case c.least > 0 && c.ratio.Of == 0:
			return fmt.Errorf("compare %s: there was nothing to compare", c.what)
		case c.ratio.Ratio < c.least:
			return fmt.Errorf("compare %s: %d of %d agree, less than %g %%", c.what, c.ratio.Agree, c.ratio.Of, c.least*100)
		}
	}
	return nil
}

// RuledTotal is how many events of both sides fall under rules.
func (k KindReport) RuledTotal() uint64 { return k.A.Ruled() + k.B.Ruled() }

// UndecidedTotal is how many events of both sides are undecided.
func (k KindReport) UndecidedTotal() uint64 { return k.A.Undecided.Total() + k.B.Undecided.Total() }
