// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"os"
	"time"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/tree"
)

// tell makes an event of what happened to a file, if such are wanted.
func (s *Source) tell(n *tree.Node, o op) {
	if path := n.Path(); s.scope.tells(path) {
		s.tellAt(n, path, o)
	}
}

func (s *Source) tellAt(n *tree.Node, path string, o op) {
	e := &events.Event{Kind: o.kind, Provider: Name, Time: o.at, Outcome: events.OutcomeSuccess}
	// What was found by comparison is a finding about integrity, whoever serves the rest.
	if !s.kinds[o.kind] || o.offline && s.kinds[events.KindFileIntegrity] {
		if !s.kinds[events.KindFileIntegrity] {
			return
		}
		traits := o.kind.Traits()
		e.Kind = events.KindFileIntegrity
		e.Words = &events.Words{Category: []string{traits.Category}, Type: []string{traits.Type}, Action: traits.Action}
	}
	e.File = s.file(n, path, o)
	if o.offline && o.kind != events.KindFileDelete && e.File.Known {
		e.Time = e.File.Changed // who owns the file cannot set this one
	}
	s.told++
	e.ID = s.options.IDs.Of(events.ClassBulk, 0, s.told)
	if o.offline {
		s.options.Ledger.Synthesized(e.Kind, 1)
	} else {
		s.options.Ledger.Generated(e.Kind, 1)
	}
	s.send(e)
}

// send emits the event, or keeps it until Run can.
func (s *Source) send(e *events.Event) {
	if s.emit == nil {
		s.early = append(s.early, e)
		return
	}
	s.emit(e)
}

// file describes the node as it was when it was last looked at.
func (s *Source) file(n *tree.Node, path string, o op) *events.File {
	f := &events.File{
		Path:      events.Path{Name: path},
		Original:  events.Path{Name: o.original},
		Offline:   o.offline,
		Exchanged: o.exchanged,
		Replaced:  o.replaced,
	}
	if n.Mode == 0 {
		return f // it was gone before anyone could look
	}
	f.Type = n.Type()
	f.Inode = n.Inode
	f.Major, f.Minor = n.Device>>20, n.Device&(1<<20-1)
	f.Known = true
	f.Mode = n.Permissions()
	f.Links = n.Links
	f.Owner, f.Group = events.User{ID: n.UID}, events.Group{ID: n.GID}
	f.Size = n.Size
	f.Modified, f.Changed = time.Unix(0, n.Modified).UTC(), time.Unix(0, n.Changed).UTC()
	if f.Type == events.FileTypeRegular && s.set != nil {
		f.Hashes = s.set.Split(n.Hashes)
	}
	if f.Type == events.FileTypeSymlink && o.kind != events.KindFileDelete {
		if target, err := os.Readlink(path); err == nil {
			f.Target = target
		}
	}
	return f
}

// lost tells that the kernel's queue was full. How many notifications there was no
// room for nobody knows: each time counts as one.
func (s *Source) lost(n uint64) {
	now := time.Now()
	s.send(s.options.Ledger.Lose(Name, events.Loss{Stage: events.ReasonOverflow, CPU: -1, Count: n, First: now, Last: now}))
}
