// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"slices"
	"time"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/tree"
)

// op is one thing that has happened to a file.
type op struct {
	kind      events.Kind // a kind of files, or suspected
	at        time.Time
	original  string // of a rename
	replaced  bool
	exchanged bool
	offline   bool
}

// suspected is a change of which the hashes, or else size and times, will say
// whether it is one of the content or of the attributes.
const suspected = events.KindNone

// change is what has happened to a file and is not told yet: only when the file
// has been left alone for a while are its hashes worth computing.
type change struct {
	ops         []op // at most one of each kind
	before      tree.Status
	hashes      string // of before
	first, last time.Time
	hashing     bool // waits for its hashes
	again       bool // something happened meanwhile
	hashed      bool // the node's hashes are of after the change
}

func (c *change) find(kind events.Kind) *op {
	i := slices.IndexFunc(c.ops, func(o op) bool { return o.kind == kind })
	if i < 0 {
		return nil
	}
	return &c.ops[i]
}

// offline reports whether a scan has found it.
func (c *change) offline() bool {
	return slices.ContainsFunc(c.ops, func(o op) bool { return o.offline })
}

// touches reports whether the content may have changed.
func (c *change) touches() bool {
	return c.find(events.KindFileCreate) != nil || c.find(events.KindFileWrite) != nil || c.find(suspected) != nil
}

type changes struct {
	of       map[*tree.Node]*change
	settling []check // earliest first
}

// check is when to look at a change again.
type check struct {
	node *tree.Node
	at   time.Time
}

func newChanges() changes { return changes{of: map[*tree.Node]*change{}} }

func (cs *changes) drop(n *tree.Node) { delete(cs.of, n) }

// note remembers what happened to the file, before its status is changed.
func (s *Source) note(n *tree.Node, o op) {
	if !s.scope.tells(n.Path()) {
		return
	}
	s.saving.due = true
	now := time.Now()
	o.at = now
	c := s.changes.of[n]
	if c == nil {
		c = &change{before: n.Status, hashes: n.Hashes, first: now}
		s.changes.of[n] = c
		s.changes.settling = append(s.changes.settling, check{n, now.Add(s.timing.quiet)})
	}
	c.last = now
	c.again = c.hashing
	switch suspicion := c.find(suspected); {
	case c.find(o.kind) != nil, o.kind == suspected && c.touches():
	case o.kind == events.KindFileWrite && suspicion != nil: // it was right
		o.replaced = suspicion.replaced
		*suspicion = o
	default:
		c.ops = append(c.ops, o)
	}
}

// settle looks at the changes whose time has come.
func (s *Source) settle(now time.Time) {
	for len(s.changes.settling) > 0 {
		next := s.changes.settling[0]
		if next.at.After(now) {
			return
		}
		s.changes.settling = s.changes.settling[1:]
		c := s.changes.of[next.node]
		if c == nil || c.hashing {
			continue
		}
		quiet := now.Sub(c.last) >= s.timing.quiet
		// Only at the end of a scan is it known what was renamed.
		if !quiet && now.Sub(c.first) < s.timing.patience || len(s.tasks) > 0 && c.offline() {
			s.changes.settling = append(s.changes.settling, check{next.node, now.Add(s.timing.quiet)})
			continue
		}
		s.settled(next.node, c, quiet)
	}
	s.changes.settling = nil
}

// settled has the hashes computed if the file is at rest and they are wanted. Else
// the change is told.
func (s *Source) settled(n *tree.Node, c *change, quiet bool) {
	if st, err := tree.Stat(n.Path()); err == nil && st.Same(n.Status) {
		n.Status = st
	}
	if quiet && s.hashable(n) && (c.touches() || n.Hashes == "") {
		c.hashing = true
		s.hashing.waiting = append(s.hashing.waiting, n)
		return
	}
	s.finish(n)
}

// finish tells what has happened to the file.
func (s *Source) finish(n *tree.Node) {
	c := s.changes.of[n]
	if c == nil {
		return
	}
	s.changes.drop(n)
	if c.touches() && !c.hashed {
		n.Hashes = ""
	}
	wrote := false
	for _, o := range c.ops {
		if o.kind == suspected {
			if o.kind = c.verdict(n); o.kind == suspected {
				continue
			}
		}
		wrote = wrote || o.kind == events.KindFileWrite || o.kind == events.KindFileCreate
		s.tell(n, o)
	}
	if o := c.find(events.KindFileRename); o != nil && !wrote && c.hashed && c.hashes != "" && n.Hashes != c.hashes {
		s.tell(n, op{kind: events.KindFileWrite, at: o.at, offline: o.offline})
	}
}

// verdict says what kind of change a suspected one is; suspected if it is none.
func (c *change) verdict(n *tree.Node) events.Kind {
	known := c.hashes != "" && c.hashed
	switch {
	case known && n.Hashes != c.hashes, !known && !n.Untouched(c.before):
		return events.KindFileWrite
	case c.find(events.KindFileAttributes) != nil:
		return suspected // told already
	case !n.SameRights(c.before), !n.Untouched(c.before), n.Changed != c.before.Changed && n.Links == c.before.Links:
		return events.KindFileAttributes
	}
	return suspected // another name for the same file came or went
}

// renamed turns the appearance of n into a rename of what has vanished, if it is
// not told yet.
func (cs *changes) renamed(n, old *tree.Node) bool {
	c := cs.of[n]
	if c == nil || c.find(events.KindFileCreate) == nil {
		return false
	}
	o := c.find(events.KindFileCreate)
	o.kind, o.original = events.KindFileRename, old.Path()
	c.before, c.hashes = old.Status, old.Hashes
	return true
}

// follows takes it that n was renamed with its directory, which is what is told.
func (cs *changes) follows(n *tree.Node) {
	c := cs.of[n]
	if c.before == n.Status {
		n.Hashes = c.hashes
		cs.drop(n)
		return
	}
	o := c.find(events.KindFileRename)
	o.kind, o.original = suspected, ""
	if n.Directory != nil {
		o.kind = events.KindFileAttributes
		if n.SameRights(c.before) {
			cs.drop(n)
		}
	}
}

// exchange marks the rename of n, if it is not told yet, as one of two.
func (cs *changes) exchange(n *tree.Node) bool {
	c := cs.of[n]
	if c == nil {
		return false
	}
	o := c.find(events.KindFileRename)
	if o == nil {
		return false
	}
	o.exchanged, o.replaced = true, false
	return true
}
