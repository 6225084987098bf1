// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/tree"
)

// manner is how a directory is looked at.
type manner struct {
	deep    bool // also the directories in it that are known
	offline bool // what has changed did so while nobody could see it
}

type task struct {
	node *tree.Node
	manner
}

// scanning is what a scan has found so far.
type scanning struct {
	directories, files int
	gone               []*tree.Node // detached
	appeared           map[fileKey]*tree.Node
}

func newScanning() scanning { return scanning{appeared: map[fileKey]*tree.Node{}} }

func (s *Source) push(n *tree.Node, m manner) { s.tasks = append(s.tasks, task{n, m}) }

// step looks at one directory.
func (s *Source) step() {
	t := s.tasks[0]
	s.tasks[0] = task{}
	if s.tasks = s.tasks[1:]; t.node.Attached() {
		s.scan(t.node, t.manner)
	}
	if len(s.tasks) > 0 {
		return
	}
	s.tasks = nil
	s.judge()
	if s.rescan {
		s.rescan = false
		s.push(s.root, manner{deep: true, offline: true})
	}
}

// scan watches a directory, and then compares what it holds with what is known. In
// this order nothing is missed: what comes in between is both noticed and found,
// and told once.
func (s *Source) scan(n *tree.Node, m manner) {
	path := n.Path()
	if !s.scope.looks(path) {
		s.forget(n)
		return
	}
	n.Look()
	if !s.watch.add(n, path) {
		s.options.Log.Debug("a directory is watched already under another path", "path", path)
		s.forget(n)
		return
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		s.unreadable(n, path, err)
		return
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	st, err := tree.StatOpen(fd)
	if err != nil || !st.Same(n.Status) { // another has the name by now
		s.watch.remove(n, path)
		s.doubt(path)
		return
	}
	if n.Parent != nil && n.Device != n.Parent.Device && made(fd) {
		s.watch.remove(n, path)
		s.forget(n)
		return
	}
	whole := s.scope.whole(path)
	names := slices.Clone(s.scope.above[path])
	if whole {
		if names, err = f.Readdirnames(-1); err != nil {
			s.unreadable(n, path, err)
			return
		}
	}
	s.scanning.directories++
	listed := n.Directory.Listed
	there := make(map[string]bool, len(names))
	for _, name := range names {
		if !s.scope.cares(path, name) {
			continue
		}
		st, err := tree.StatAt(fd, name)
		if err != nil || st.Type() == events.FileTypeUnknown {
			continue
		}
		there[name] = true
		s.scanning.files++
		s.compare(n, name, st, m, listed)
	}
	for name, child := range n.Directory.Children {
		switch {
		case there[name]:
		case s.scope.cares(path, name):
			s.vanish(child, m)
		default: // the scope was another
			s.forget(child)
			child.Detach()
		}
	}
	n.Directory.Listed = true
	if n.Directory.Watched {
		delete(s.watch.blind, n)
	}
}

// unreadable notes that nothing is known of what a directory holds now.
func (s *Source) unreadable(n *tree.Node, path string, err error) {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		s.watch.remove(n, path)
		s.doubt(path)
		return
	}
	s.watch.blind[n] = err
}

// made reports whether the directory's file system is made up by the kernel: such
// are not watched below a path, as their files change all the time or never tell.
func made(fd int) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false
	}
	switch st.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
		unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.PSTOREFS_MAGIC, unix.BINFMTFS_MAGIC, unix.SELINUX_MAGIC,
		unix.AUTOFS_SUPER_MAGIC, unix.NSFS_MAGIC:
		return true
	}
	return false
}

// compare takes notice of a name that is there. listed is whether all names of the
// directory were known, so that one that is not known is new.
func (s *Source) compare(dir *tree.Node, name string, st tree.Status, m manner, listed bool) {
	n := dir.Child(name)
	switch {
	case n == nil && !listed:
		s.enter(s.add(dir, name, st), m, false)
	case n == nil:
		s.appear(dir, name, st, m, op{kind: events.KindFileCreate, offline: m.offline})
	case n.Mode == 0: // it was gone before anyone could look, and is back
		n.Status = st
		s.enter(n, m, true)
	case n.Same(st):
		s.differ(n, st, m)
		if m.deep || n.Directory == nil || !n.Directory.Watched {
			s.enter(n, m, n.Directory != nil && n.Directory.Listed)
		}
	case n.Type() == events.FileTypeDirectory && st.Type() == events.FileTypeDirectory && n.Device != st.Device:
		s.options.Log.Warn("another file system has a watched path; what it holds is taken for known", "path", n.Path())
		s.forget(n)
		n.Status = st
		s.enter(n, m, false)
	case n.Type() == events.FileTypeRegular && st.Type() == events.FileTypeRegular:
		s.note(n, op{kind: suspected, replaced: true, offline: m.offline})
		n.Status = st
	default:
		s.vanish(n, m)
		s.appear(dir, name, st, m, op{kind: events.KindFileCreate, offline: m.offline})
	}
}

// add makes a node.
func (s *Source) add(dir *tree.Node, name string, st tree.Status) *tree.Node {
	n := &tree.Node{Status: st}
	n.Attach(dir, name)
	s.saving.due = true
	return n
}

// appear adds what was not there before.
func (s *Source) appear(dir *tree.Node, name string, st tree.Status, m manner, o op) *tree.Node {
	n := s.add(dir, name, st)
	s.note(n, o)
	if o.offline {
		s.scanning.appeared[keyOf(st)] = n
	}
	s.enter(n, m, true)
	return n
}

// enter looks into a directory, and at the content of a file that has no hashes.
// listed is whether what it holds is known or was nothing.
func (s *Source) enter(n *tree.Node, m manner, listed bool) {
	switch n.Type() {
	case events.FileTypeDirectory:
		if s.scope.looks(n.Path()) {
			n.Look()
			n.Directory.Listed = listed
			s.push(n, m)
		} else if n.Directory != nil {
			s.forget(n)
		}
	case events.FileTypeRegular:
		s.hashLater(n)
	}
}

// differ takes notice of what is new about a file that is known.
func (s *Source) differ(n *tree.Node, st tree.Status, m manner) {
	switch {
	case n.Status == st:
	case n.Type() == events.FileTypeRegular:
		s.note(n, op{kind: suspected, offline: m.offline}) // the new status is read when it is quiet
	default: // the times of a directory change with every name in it
		if !n.SameRights(st) {
			s.note(n, op{kind: events.KindFileAttributes, offline: m.offline})
		}
		n.Status = st
		s.saving.due = true
	}
}

// vanish takes notice of a name that is not there any more.
func (s *Source) vanish(n *tree.Node, m manner) {
	if !m.offline {
		s.remove(n, time.Now(), false)
		return
	}
	s.release(n)
	n.Detach()
	s.scanning.gone = append(s.scanning.gone, n)
}

// forget drops what a directory holds without a word.
func (s *Source) forget(n *tree.Node) {
	for below := range n.All() {
		s.changes.drop(below)
		s.watch.remove(below, below.Path())
	}
	n.Directory = nil
	s.saving.due = true
}

// release ends the watches from n on downwards, and tells what is not told yet.
func (s *Source) release(n *tree.Node) {
	for below := range n.All() {
		s.finish(below)
		s.watch.remove(below, below.Path())
	}
}

// remove tells that n and all below are gone, and forgets them.
func (s *Source) remove(n *tree.Node, at time.Time, offline bool) {
	s.release(n)
	n.Detach()
	for _, below := range slices.Backward(slices.Collect(n.All())) {
		s.tell(below, op{kind: events.KindFileDelete, at: at, offline: offline})
	}
	s.saving.due = true
}

// judge pairs what a scan did not find any more with what it found new: the same
// inode with the same content by size and time was renamed.
func (s *Source) judge() {
	gone, appeared := s.scanning.gone, s.scanning.appeared
	if len(gone) == 0 && len(appeared) == 0 {
		return
	}
	s.scanning.gone, s.scanning.appeared = nil, map[fileKey]*tree.Node{}
	now := time.Now()
	moved := map[*tree.Node]*tree.Node{}
	for _, top := range gone {
		for old := range top.All() {
			n := appeared[keyOf(old.Status)]
			if n == nil || !n.Same(old.Status) {
				continue
			}
			follows := moved[old.Parent] == n.Parent && old.Name == n.Name // with its directory
			if !follows && !untouched(n, old) || !s.changes.renamed(n, old) {
				continue
			}
			delete(appeared, keyOf(old.Status))
			moved[old] = n
			if follows {
				s.changes.follows(n)
			}
		}
	}
	for _, top := range gone {
		for _, old := range slices.Backward(slices.Collect(top.All())) {
			if moved[old] == nil {
				s.tell(old, op{kind: events.KindFileDelete, at: now, offline: true})
			}
		}
	}
	s.saving.due = true
}

// untouched reports whether n still is the file that old was, and not a new one that
// has got its inode. A directory to which names were added must hold one such file.
func untouched(n, old *tree.Node) bool {
	if n.Modified == old.Modified && (n.Size == old.Size || n.Type() == events.FileTypeDirectory) {
		return true
	}
	if n.Directory == nil || old.Directory == nil {
		return false
	}
	for name, child := range old.Directory.Children {
		if now := n.Child(name); now != nil && now.Same(child.Status) && now.Untouched(child.Status) && now.Type() != events.FileTypeDirectory {
			return true
		}
	}
	return false
}
