// SPDX-License-Identifier: Apache-2.0

// Package tree is what is known of the watched files: their names, what stat(2)
// said of each, and the hashes of their content.
package tree

import (
	"iter"
	"strings"
)

// Node is a name in a directory and what it stands for.
type Node struct {
	Parent *Node // nil for the root
	Name   string
	Status
	Hashes    string     // one after the other; "" if unknown
	Directory *Directory // of a directory that is looked into
}

// Directory is what a directory holds.
type Directory struct {
	Children map[string]*Node
	Listed   bool // Children was complete once: what is not there is new
	Watched  bool
}

// NewRoot makes the tree of / with nothing in it.
func NewRoot() *Node { return &Node{Directory: &Directory{Children: map[string]*Node{}}} }

// Look makes the node a directory that is looked into.
func (n *Node) Look() {
	if n.Directory == nil {
		n.Directory = &Directory{Children: map[string]*Node{}}
	}
}

// Attach puts the node under a name into a directory that is looked into.
func (n *Node) Attach(parent *Node, name string) {
	n.Parent, n.Name = parent, name
	parent.Directory.Children[name] = n
}

// Detach takes the node out of its directory. Its path stays what it was.
func (n *Node) Detach() {
	if n.Parent.Child(n.Name) == n {
		delete(n.Parent.Directory.Children, n.Name)
	}
}

// Attached reports whether the node can be found from the root.
func (n *Node) Attached() bool {
	for ; n.Parent != nil; n = n.Parent {
		if n.Parent.Child(n.Name) != n {
			return false
		}
	}
	return true
}

// Child is the node of a name in the directory; nil if there is none.
func (n *Node) Child(name string) *Node {
	if n.Directory == nil {
		return nil
	}
	return n.Directory.Children[name]
}

// Path is absolute.
func (n *Node) Path() string {
	if n.Parent == nil {
		return "/"
	}
	length := 0
	for up := n; up.Parent != nil; up = up.Parent {
		length += 1 + len(up.Name)
	}
	path := make([]byte, length)
	for up := n; up.Parent != nil; up = up.Parent {
		length -= len(up.Name)
		copy(path[length:], up.Name)
		length--
		path[length] = '/'
	}
	return string(path)
}

// Lookup finds the node of an absolute, clean path below n, which is the root; nil
// if there is none.
func (n *Node) Lookup(path string) *Node {
	rest := strings.TrimPrefix(path, "/")
	for n != nil && rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n = n.Child(name)
	}
	return n
}

// All yields the node and what is below it, parents first. The node that was
// yielded last may be changed.
func (n *Node) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.walk(yield) }
}

func (n *Node) walk(yield func(*Node) bool) bool {
	if !yield(n) {
		return false
	}
	if n.Directory == nil {
		return true
	}
	for _, child := range n.Directory.Children {
		if !child.walk(yield) {
			return false
		}
	}
	return true
}
