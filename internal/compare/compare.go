// SPDX-License-Identifier: Apache-2.0

// Package compare pairs the events of two sources that have watched the same
// host at the same time, and says what both have seen, what one of them has,
// and in which fields they differ. It knows no source: it reads their documents.
package compare

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sensor/internal/events"
)

// Side is one of the two that are compared.
type Side int

// The two sides.
const (
	A Side = iota
	B
)

func (s Side) other() Side { return 1 - s }

// Options of a comparison.
type Options struct {
	Sides [2]SideOptions
	// Window is how far the two may lag behind each other: an event without a
	// partner is told as such when both have gone on for so long. 0: 10 s.
	Window time.Duration
	// Tolerance is how far the times of two events may lie apart that are one. 0: 1 s.
	Tolerance time.Duration
	// PendingEvents and PendingBytes bound what waits for a partner, of both
	// sides. What comes when there is no room remains undecided. 0: 100,000 and 128 MiB.
	PendingEvents, PendingBytes int
	// Examples is how many are kept of each difference. 0: 3.
	Examples int
	// Ignore lists processes whose events are left out, as they are the comparison's own.
	Ignore []uint32
}

// SideOptions say who a side is.
type SideOptions struct {
	Name   string // for people
	Source string // event.provider: ebpf, audit; decides which rules hold
	// Kinds that it tells; nil if that is unknown. What the other tells of others is one of the rules.
	Kinds []events.Kind
	// BlindBefore: it does not see what processes do that have begun before. Zero: it sees all.
	BlindBefore time.Time
	// Witness is a process that has begun before BlindBefore and done something
	// since: if the side tells of it, it is not blind.
	Witness uint32
}

// Comparison reads the two streams. It is safe for concurrent use.
type Comparison struct {
	options Options
	seed    maphash.Seed
	ignored map[string]bool // pids as JSON

	mu         sync.Mutex
	names      *names
	decoder    *decoder
	begin, end int64 // ns since 1970: both sides watch; 0 if not yet known
	settled    int64 // up to when what is due was decided
	sides      [2]sideState
	pairs      [events.KindCount]uint64
	rules      []uint64        // how often each of eventRules was applied
	opened     map[uint64]bool // keys of files that were open for writing
}

type sideState struct {
	position int64 // of its stream: the latest time told, ns since 1970
	waiting  waiting
	kinds    [events.KindCount]*kindState
	refused  [events.KindCount]spans // times of events that found no room
	losses   []loss
	told     told // keys of file_write
	begun    told // keys of connect, of those whose outcome came later
	accepted told // processes of whose accepts any was told
	made     told // the same keys of what file_create tells
	acted    told // processes of which anything was told that they did
	untraced told // files that processes have made or written of which the other side cannot know
	sees     bool // it has told of the witness
	ignored  uint64
	faulty   uint64
}

type kindState struct {
	seen, only, toldLost, edge, full uint64
	rules                            []uint64 // by eventRules
	delays                           histogram
	examples                         []Example
}

// New makes a comparison.
func New(options Options) *Comparison {
	options.Window = cmp.Or(options.Window, 10*time.Second)
	options.Tolerance = cmp.Or(options.Tolerance, time.Second)
	options.PendingEvents = cmp.Or(options.PendingEvents, 100_000)
	options.PendingBytes = cmp.Or(options.PendingBytes, 128<<20)
	options.Examples = cmp.Or(options.Examples, 3)
	n := newNames()
	c := &Comparison{options: options, seed: maphash.MakeSeed(), ignored: map[string]bool{}, names: n, decoder: newDecoder(n), opened: map[uint64]bool{}, rules: make([]uint64, len(eventRules))}
	for _, pid := range options.Ignore {
		c.Ignore(pid)
	}
	for i := range c.sides {
		s := &c.sides[i]
		s.waiting = newWaiting()
		for _, t := range []*told{&s.told, &s.made, &s.begun, &s.accepted, &s.acted, &s.untraced} {
			*t = newTold()
		}
	}
	return c
}

// Add takes the next event of a side, an ECS document as JSON. What is none is
// counted, and the error says why; the comparison goes on.
func (c *Comparison) Add(side Side, line []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sides[side]
	d, err := c.decoder.decode(line)
	if err != nil {
		s.faulty++
		return fmt.Errorf("read an event of %s: %w", c.options.Sides[side].Name, err)
	}
	pid := d.get(c.names, fieldPID)
	if d.kind != events.KindAlreadyRunning && number(pid) == uint64(c.options.Sides[side].Witness) && pid != nil {
		s.sees = true
	}
	if c.ignored[string(pid)] {
		s.ignored++
		return nil
	}
	at := d.at
	if d.created > 0 {
		at = min(at, d.created) // a time in the future says nothing of how far the stream has come
	}
	s.position = max(s.position, at)
	c.settleDue()
	if d.kind == events.KindEventsLost {
		c.lose(s, d)
	}
	if d.kind.Traits().Internal {
		return nil
	}
	k := s.kind(d.kind)
	k.seen++
	if d.created > 0 && d.kind != events.KindAlreadyRunning { // of which the time is that of the process's start
		k.delays.add(d.created - d.at)
	}
	p := &pending{doc: d, side: side, told: s.position}
	if _, p.latest = p.span(); c.options.Sides[side].Source == audit {
		p.latest = max(p.latest, d.created)
	}
	c.place(side, p)
	return nil
}

// Opened says that a process had a file open for writing when the comparison
// began: who writes it later may never be seen to open it.
func (c *Comparison) Opened(path string) {
	quoted, _ := jsontext.AppendQuote(nil, path) // what is not UTF-8 is replaced, as in documents
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[maphash.Bytes(c.seed, quoted)] = true
}

// Ignore leaves out what a process does from now on.
func (c *Comparison) Ignore(pid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ignored[strconv.FormatUint(uint64(pid), 10)] = true
}

func (s *sideState) kind(k events.Kind) *kindState {
	if s.kinds[k] == nil {
		s.kinds[k] = &kindState{rules: make([]uint64, len(eventRules))}
	}
	return s.kinds[k]
}

// place pairs an event, or has it wait.
func (c *Comparison) place(side Side, p *pending) {
	p.loose, p.exact = c.keys(p.doc.kind, p.doc)
	s := &c.sides[side]
	c.remember(side, p)
	other := &c.sides[side.other()].waiting
	if q := c.best(p, other.exact[p.exact], inExact, c.agrees); q != nil {
		other.remove(q)
		c.pair(side, p, q)
		return
	}
	if c.full(p.doc.size) {
		s.kind(p.doc.kind).full++
		from, to := p.span()
		s.refused[p.doc.kind].add(from, to, int64(c.options.Window))
		return
	}
	s.waiting.push(p)
}

// remember keeps what rules may ask later.
func (c *Comparison) remember(side Side, p *pending) {
	s := &c.sides[side]
	if p.doc.kind != events.KindAlreadyRunning {
		s.acted.add(c.processKey(p.doc))
	}
	switch p.doc.kind {
	case events.KindConnect:
		p.again = s.begun.has(p.exact)
		if c.inProgress(p.doc) {
			s.begun.add(p.exact)
		}
	case events.KindAccept, events.KindUnixAccept, events.KindVsockAccept:
		s.accepted.add(c.processKey(p.doc))
	case events.KindFileWrite, events.KindFileCreate:
		_, exact := c.keys(events.KindFileWrite, p.doc)
		keys := &s.told
		if p.doc.kind == events.KindFileCreate {
			keys = &s.made
		}
		keys.add(exact)
		keys.add(c.placeKey(p.doc))
		if c.untraced(side.other(), p.doc) {
			s.untraced.add(c.placeKey(p.doc))
		}
	}
}

// full reports whether one more may not wait. Then the new one is given up, not
// the oldest: the oldest's partner is the next to come.
func (c *Comparison) full(size int) bool {
	a, b := &c.sides[A].waiting, &c.sides[B].waiting
	return a.count+b.count+1 > c.options.PendingEvents || a.size+b.size+size > c.options.PendingBytes
}

// pair counts two events that are one. p is of the given side.
func (c *Comparison) pair(side Side, p, q *pending) {
	c.pairs[p.doc.kind]++
	if side == A {
		c.tally(p.doc, q.doc)
	} else {
		c.tally(q.doc, p.doc)
	}
}

// settleDue decides about the events whose partner would have come by now.
func (c *Comparison) settleDue() {
	passed := min(c.sides[A].position, c.sides[B].position) - int64(c.options.Window)
	if passed < c.settled+int64(time.Millisecond) {
		return // not for each event
	}
	c.settled = passed
	for side := range c.sides {
		for kind := range c.sides[side].waiting.order {
			patience := int64(pairings[kind].patience)
			for p := c.sides[side].waiting.order[kind].head; p != nil && p.told+patience < passed; p = c.sides[side].waiting.order[kind].head {
				c.settle(Side(side), p)
			}
		}
	}
}

// settle decides about an event that waits.
func (c *Comparison) settle(side Side, p *pending) {
	s, other := &c.sides[side], &c.sides[side.other()]
	s.waiting.remove(p)
	if q := c.best(p, other.waiting.loose[p.loose], inLoose, c.resembles); q != nil {
		other.waiting.remove(q)
		c.pair(side, p, q)
		return
	}
	kind := s.kind(p.doc.kind)
	if i := c.ruleFor(side, p); i >= 0 {
		kind.rules[i]++
		c.rules[i]++
		return
	}
	from, to := p.span()
	tolerance := int64(c.options.Tolerance)
	switch {
	case c.begin == 0 || from < c.begin || c.end != 0 && to > c.end:
		kind.edge++
	case other.refused[p.doc.kind].touch(from-tolerance, to+tolerance):
		kind.full++
	default:
		kind.only++
		if other.takeLoss(p.doc.kind, from-tolerance, to+tolerance) {
			kind.toldLost++
		}
		if len(kind.examples) < c.options.Examples {
			kind.examples = append(kind.examples, c.example(p.doc))
		}
	}
}

// Begin says from when on both sides watch. What happened before and was seen
// by one of them alone is undecided.
func (c *Comparison) Begin(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin = at.UnixNano()
}

// Advance says that a side has told all that happened up to a time, so that
// what the other has told need not wait while nothing happens.
func (c *Comparison) Advance(side Side, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sides[side]
	s.position = max(s.position, to.UnixNano())
	c.settleDue()
}

// Position is the latest time that a side has told; zero if it has told
// nothing. Who reads recorded streams reads on where it is earlier.
func (c *Comparison) Position(side Side) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sides[side].position == 0 {
		return time.Time{}
	}
	return time.Unix(0, c.sides[side].position)
}

// End says until when both sides have watched, and decides about all that
// waits. No event may be added after it.
func (c *Comparison) End(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = at.UnixNano()
	for side := range c.sides {
		for kind := range c.sides[side].waiting.order {
			q := &c.sides[side].waiting.order[kind]
			for q.head != nil {
				c.settle(Side(side), q.head)
			}
		}
	}
}
