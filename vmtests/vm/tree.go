// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sensor/vmtests/cpio"
)

// Tree is the root file system of a VM before it is packed. Names are absolute; a later entry replaces an earlier one of the same name, and
// parents come by themselves.
type Tree struct {
	nodes map[string]node // by name without the leading slash
}

type node struct {
	mode   fs.FileMode
	target string // of a symbolic link
	data   []byte // of a file without source
	source string // host file
}

func NewTree() *Tree { return &Tree{nodes: map[string]node{}} }

// Dir adds a directory.
func (t *Tree) Dir(name string, perm fs.FileMode) {
	t.put(name, node{mode: fs.ModeDir | perm})
}

// File adds a file with a given content.
func (t *Tree) File(name string, perm fs.FileMode, data []byte) {
	t.put(name, node{mode: perm, data: data})
}

// Copy adds what the host has at src: a file, a symbolic link or a directory with all below it. At the top a link is followed. Other kinds
// of files are refused.
func (t *Tree) Copy(src, dst string) error {
	src, err := filepath.EvalSymlinks(src)
	if err != nil {
		return fmt.Errorf("copy into the VM: %w", err)
	}
	err = filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		n := node{mode: info.Mode()}
		switch info.Mode().Type() {
		case 0:
			n.source = p
		case fs.ModeDir:
		case fs.ModeSymlink:
			if n.target, err = os.Readlink(p); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is a %s", p, info.Mode().Type())
		}
		t.put(path.Join(dst, rel), n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy into the VM: %w", err)
	}
	return nil
}

func (t *Tree) put(name string, n node) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return
	}
	if parent := path.Dir(name); parent != "." {
		if p, ok := t.nodes[parent]; !ok || !p.mode.IsDir() {
			t.put(parent, node{mode: fs.ModeDir | 0o755})
		}
	}
	t.nodes[name] = n
}

// Pack writes the tree as an initramfs, parents first.
func (t *Tree) Pack(w io.Writer) error {
	cw := cpio.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(t.nodes)) {
		if err := t.nodes[name].pack(cw, name); err != nil {
			return fmt.Errorf("pack initramfs: %w", err)
		}
	}
	if err := cw.Close(); err != nil {
		return fmt.Errorf("pack initramfs: %w", err)
	}
	return nil
}

func (n node) pack(cw *cpio.Writer, name string) error {
	switch {
	case n.mode.IsDir():
		return cw.Dir(name, n.mode)
	case n.mode.Type() == fs.ModeSymlink:
		return cw.Symlink(name, n.target)
	case n.source == "":
		return cw.File(name, n.mode, int64(len(n.data)), strings.NewReader(string(n.data)))
	}
	f, err := os.Open(n.source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return cw.File(name, n.mode, info.Size(), f)
}
