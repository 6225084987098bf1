// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"path"
	"time"

	"github.com/fsnotify/fsnotify"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/tree"
)

// names are those that have just changed hands. The kernel tells a rename in two
// parts, one after the other but not always at once.
type names struct {
	leaving   map[string]*departure // by old path: where to is not known yet
	displaced map[string]*departure // by path: what had it before something was renamed to it
	doubtful  map[string]int        // paths to be compared with the disk after so many ticks
}

type departure struct {
	node      *tree.Node // detached
	at        time.Time
	ticks     int
	exchanged bool // the rename has been noted already
}

func newNames() names {
	return names{leaving: map[string]*departure{}, displaced: map[string]*departure{}, doubtful: map[string]int{}}
}

// notice takes one notification. Its words are believed only as far as they go: the
// file may have become another since, so what it is now is looked up.
func (s *Source) notice(e fsnotify.Event) {
	name := path.Clean(e.Name)
	dir, base := s.root.Lookup(path.Dir(name)), path.Base(name)
	from := renamedFrom(e)
	if dir == nil || dir.Directory == nil || name == "/" {
		return
	}
	if !s.scope.cares(path.Dir(name), base) {
		if d := s.names.leaving[from]; d != nil {
			delete(s.names.leaving, from)
			s.tellAt(d.node, name, op{kind: events.KindFileRename, at: d.at, original: from})
		}
		return
	}
	switch {
	case e.Has(fsnotify.Create):
		s.created(dir, base, name, from)
	case e.Has(fsnotify.Rename):
		s.left(dir.Child(base), name)
	case e.Has(fsnotify.Remove):
		if n := dir.Child(base); n != nil {
			s.remove(n, time.Now(), false)
		}
	case e.Has(fsnotify.Write):
		if n := dir.Child(base); n != nil && n.Type() != events.FileTypeDirectory {
			s.note(n, op{kind: events.KindFileWrite})
		}
	case e.Has(fsnotify.Chmod):
		if n := dir.Child(base); n != nil {
			s.attributes(n, name)
		}
	}
}

// created takes a new name, which is of something new or of something renamed.
func (s *Source) created(dir *tree.Node, base, name, from string) {
	st, err := tree.Stat(name)
	there := err == nil
	if d := s.names.leaving[from]; d != nil {
		delete(s.names.leaving, from)
		s.arrived(d, dir, base, name, from, st)
		return
	}
	old := dir.Child(base)
	switch {
	case there && st.Type() == events.FileTypeUnknown: // a socket, a device
		return
	case old != nil && (!there || old.Same(st)): // a scan was first; or the next notification tells where it went
		return
	}
	o := op{kind: events.KindFileCreate, replaced: s.displace(old, name)}
	if from != "" { // whence nothing is told
		o.kind, o.original = events.KindFileRename, from
	}
	s.appear(dir, base, st, manner{}, o)
}

// arrived gives what left another name its new one.
func (s *Source) arrived(d *departure, dir *tree.Node, base, name, from string, st tree.Status) {
	n := d.node
	listed := n.Directory != nil && n.Directory.Listed
	if !st.Same(n.Status) && st.Mode != 0 {
		// Nobody has seen it before, or only what took its old name at once. Should something
		// else have its new name by now, then notifications will tell that, too.
		if st.Type() == events.FileTypeUnknown {
			if n.Mode != 0 {
				s.remove(n, d.at, false)
			}
			return
		}
		s.forget(n)
		n.Status, n.Hashes, listed = st, "", true
		s.doubt(name)
	}
	replaced := false
	if old := dir.Child(base); old != nil && old.Same(n.Status) { // a scan was first, and did not know
		s.forget(old)
		old.Detach()
	} else {
		replaced = s.displace(old, name)
	}
	n.Attach(dir, base)
	if !d.exchanged {
		s.note(n, op{kind: events.KindFileRename, original: from, replaced: replaced})
	}
	if st.Same(n.Status) {
		n.Status = st
	}
	// The watches ended with the old names, so this also finds what happened since.
	s.enter(n, manner{deep: true}, listed)
}

// displace takes away what had a name that something else has now.
func (s *Source) displace(old *tree.Node, name string) bool {
	if old == nil {
		return false
	}
	s.release(old)
	old.Detach()
	s.names.displaced[name] = &departure{node: old, at: time.Now()}
	return true
}

// left takes the first half of a rename.
func (s *Source) left(n *tree.Node, name string) {
	if n == nil {
		return // it is told once more by the watch on a directory itself
	}
	if st, err := tree.Stat(name); err == nil {
		s.doubt(name) // mostly something new has the name, as the next notification will tell
		// What has the name now came by a rename just before: then this is about what it
		// displaced, which goes the other way.
		if d := s.names.displaced[name]; d != nil && st.Same(n.Status) && s.changes.exchange(n) {
			delete(s.names.displaced, name)
			s.leave(name, &departure{node: d.node, at: time.Now(), exchanged: true})
			return
		}
	}
	s.release(n)
	n.Detach()
	s.leave(name, &departure{node: n, at: time.Now()})
}

// attributes compares what stat says now with what it said before.
func (s *Source) attributes(n *tree.Node, name string) {
	st, err := tree.Stat(name)
	if err != nil || !st.Same(n.Status) {
		if n.Type() != events.FileTypeDirectory { // of those the kernel says so when they are removed
			s.note(n, op{kind: events.KindFileAttributes})
		}
		return
	}
	regular := n.Type() == events.FileTypeRegular
	wrote := s.changes.of[n] != nil && s.changes.of[n].touches()
	switch {
	case !n.SameRights(st),
		regular && !wrote && n.Modified != st.Modified,
		regular && n.Changed != st.Changed && n.Links == st.Links: // extended attributes
		s.note(n, op{kind: events.KindFileAttributes})
	}
	n.Status = st
}

// expire gives up on what has left its name for nowhere that is watched. Some ticks
// of the loop pass before, in which notifications are read.
func (s *Source) expire() {
	const ticks = 2
	for name, d := range s.names.leaving {
		if d.ticks++; d.ticks > ticks {
			s.departed(name, d)
		}
	}
	for name, d := range s.names.displaced {
		if d.ticks++; d.ticks > ticks {
			delete(s.names.displaced, name)
		}
	}
	for name, waited := range s.names.doubtful {
		if s.names.doubtful[name]++; waited >= ticks {
			s.verify(name)
		}
	}
}

// departed takes it that what has left its name is gone, as seen from here, unless it
// is there: the watch on a directory itself tells late that it was renamed, and may
// mean what had the name before.
func (s *Source) departed(name string, d *departure) {
	delete(s.names.leaving, name)
	dir, base := s.root.Lookup(path.Dir(name)), path.Base(name)
	if st, err := tree.Stat(name); err == nil && st.Same(d.node.Status) && dir != nil && dir.Directory != nil && dir.Child(base) == nil {
		d.node.Attach(dir, base)
		s.enter(d.node, manner{deep: true}, d.node.Directory != nil && d.node.Directory.Listed)
		return
	}
	s.remove(d.node, d.at, false)
}

// leave remembers what has left its name.
func (s *Source) leave(name string, d *departure) {
	if before := s.names.leaving[name]; before != nil {
		delete(s.names.leaving, name)
		s.remove(before.node, before.at, false)
	}
	s.names.leaving[name] = d
}

// doubt has a name compared with the disk when its notifications have been taken.
// They speak of the past, while stat speaks of the present: where names change hands
// quickly the two together can lead astray.
func (s *Source) doubt(name string) { s.names.doubtful[name] = 0 }

// verify brings what is known of one name to what there is.
func (s *Source) verify(name string) {
	delete(s.names.doubtful, name)
	dir, base := s.root.Lookup(path.Dir(name)), path.Base(name)
	if dir == nil || dir.Directory == nil || !s.scope.cares(path.Dir(name), base) {
		return
	}
	st, err := tree.Stat(name)
	if there := err == nil && st.Type() != events.FileTypeUnknown; there {
		s.compare(dir, base, st, manner{}, true)
	} else if n := dir.Child(base); n != nil {
		s.vanish(n, manner{})
	}
}
