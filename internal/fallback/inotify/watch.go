// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"errors"
	"log/slog"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"sensor/internal/fallback/inotify/tree"
)

// adder is what makes and ends watches: fsnotify's Watcher.
type adder interface {
	Add(path string) error
	Remove(path string) error
}

// fileKey tells files apart.
type fileKey struct {
	inode  uint64
	device uint32
}

func keyOf(st tree.Status) fileKey { return fileKey{st.Inode, st.Device} }

// watches are those on directories. A directory that cannot be watched is blind.
type watches struct {
	adder    adder
	watched  map[fileKey]*tree.Node
	blind    map[*tree.Node]error
	reported int // so many blind ones
}

func newWatches(a adder) watches {
	return watches{adder: a, watched: map[fileKey]*tree.Node{}, blind: map[*tree.Node]error{}}
}

func (w *watches) count() int { return len(w.watched) }

// add watches a directory, also if it believes to do so already: the kernel ends
// watches without a word when a file system is unmounted. ok is false if the
// directory is watched under another path, which then is the one that is told.
func (w *watches) add(n *tree.Node, path string) (ok bool) {
	key := keyOf(n.Status)
	if other := w.watched[key]; other != nil && other != n {
		path := other.Path()
		if st, err := tree.Stat(path); err == nil && st.Same(n.Status) {
			return false
		}
		w.remove(other, path) // it was renamed, as will be told
	}
	err := w.adder.Add(path)
	switch {
	case err == nil:
		n.Directory.Watched = true
		w.watched[key] = n
		delete(w.blind, n)
	case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR): // else it has gone
		w.blind[n] = err
	}
	return true
}

// remove ends the watch on a directory that still has the path under which it was added.
func (w *watches) remove(n *tree.Node, path string) {
	delete(w.blind, n)
	if n.Directory == nil || !n.Directory.Watched {
		return
	}
	n.Directory.Watched = false
	if key := keyOf(n.Status); w.watched[key] == n {
		delete(w.watched, key)
	}
	_ = w.adder.Remove(path) // fails where the kernel has ended the watch by itself
}

// report says how many directories are blind if that has changed.
func (w *watches) report(log *slog.Logger) {
	if len(w.blind) == w.reported {
		return
	}
	before := w.reported
	w.reported = len(w.blind)
	if len(w.blind) == 0 {
		log.Info("all directories are watched again")
		return
	}
	if before > 0 && len(w.blind) < before { // it gets better, and was said
		return
	}
	var errs []error
	var paths []string
	for n, err := range w.blind {
		paths = append(paths, n.Path())
		if !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) && len(errs) < 4 {
			errs = append(errs, err)
		}
	}
	slices.Sort(paths)
	hint := ""
	if slices.ContainsFunc(slices.Collect(maps.Values(w.blind)), func(err error) bool { return errors.Is(err, unix.ENOSPC) }) {
		hint = "raise fs.inotify.max_user_watches"
	}
	log.Warn("directories are not watched; they are looked at from time to time", "directories", len(paths), "some", paths[:min(len(paths), 10)],
		"error", errors.Join(errs...), "remedy", hint)
}
