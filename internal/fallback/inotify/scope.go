// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// scope says which paths are told of, and which directories are looked into for
// that. Those are also the directories above a configured path: so it is seen when
// the path appears, is replaced or goes.
type scope struct {
	roots     map[string]bool
	above     map[string][]string // of a directory above a root: the names that lead there
	ignored   map[string]bool
	recursive bool
}

// newScope resolves the links on the way to each path. What a path itself links to
// belongs to the scope like the link.
func newScope(paths []string, recursive bool, ignored []string) scope {
	s := scope{roots: map[string]bool{}, above: map[string][]string{}, ignored: map[string]bool{}, recursive: recursive}
	for _, p := range paths {
		p = path.Clean(p)
		s.add(path.Join(resolve(path.Dir(p)), path.Base(p)))
		s.add(resolve(p))
	}
	for _, p := range ignored {
		s.ignored[resolve(path.Clean(p))] = true
	}
	return s
}

// resolve follows the links in an absolute path as far as it exists.
func resolve(p string) string {
	if real, err := filepath.EvalSymlinks(p); err == nil || p == "/" {
		return real
	}
	return path.Join(resolve(path.Dir(p)), path.Base(p))
}

func (s scope) add(root string) {
	s.roots[root] = true
	for p := root; p != "/"; {
		name := path.Base(p)
		p = path.Dir(p)
		if slices.Contains(s.above[p], name) {
			return
		}
		s.above[p] = append(s.above[p], name)
	}
}

// whole reports whether everything in the directory is told of.
func (s scope) whole(directory string) bool {
	for !s.roots[directory] {
		if !s.recursive || directory == "/" {
			return false
		}
		directory = path.Dir(directory)
	}
	return true
}

// looks reports whether the directory is looked into.
func (s scope) looks(directory string) bool {
	return len(s.above[directory]) > 0 || s.whole(directory)
}

// cares reports whether the name in the directory matters.
func (s scope) cares(directory, name string) bool {
	return !s.ignored[path.Join(directory, name)] && (slices.Contains(s.above[directory], name) || s.whole(directory))
}

// tells reports whether the path is told of.
func (s scope) tells(p string) bool {
	return s.roots[p] || p != "/" && s.whole(path.Dir(p)) && !s.ignored[p]
}

// words describe the scope for the baseline.
func (s scope) words() []string {
	words := []string{"flat"}
	if s.recursive {
		words[0] = "recursive"
	}
	for root := range s.roots {
		words = append(words, root)
	}
	slices.Sort(words[1:])
	return words
}

// scopeOf is the scope that has described itself.
func scopeOf(words []string) scope {
	s := scope{roots: map[string]bool{}, above: map[string][]string{}}
	for i, word := range words {
		switch {
		case i == 0:
			s.recursive = word == "recursive"
		case strings.HasPrefix(word, "/"):
			s.add(path.Clean(word))
		}
	}
	return s
}
