// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func TestTree(t *testing.T) {
	root := NewRoot()
	add := func(parent *Node, name string, directory bool) *Node {
		n := &Node{}
		if directory {
			n.Look()
		}
		n.Attach(parent, name)
		return n
	}
	etc := add(root, "etc", true)
	ssh := add(etc, "ssh", true)
	key := add(ssh, "key", false)
	for path, want := range map[string]*Node{"/": root, "/etc": etc, "/etc/ssh/key": key, "/etc/ssh/key/x": nil, "/e": nil, "/etc/x/key": nil} {
		if got := root.Lookup(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
		if want != nil && want.Path() != path {
			t.Errorf("%s: path %s", path, want.Path())
		}
	}
	n := 0
	for range root.All() {
		n++
	}
	for range etc.All() {
		n += 10
		break
	}
	if n != 14 {
		t.Errorf("walked %d", n)
	}
	ssh.Detach()
	if key.Attached() || root.Lookup("/etc/ssh") != nil || key.Path() != "/etc/ssh/key" || !etc.Attached() {
		t.Error("detached, and yet there")
	}
	other := add(etc, "ssh", false)
	ssh.Detach() // once more: what has the name now stays
	if root.Lookup("/etc/ssh") != other {
		t.Error("another node was detached")
	}
	ssh.Attach(root, "moved")
	if key.Path() != "/moved/key" || !key.Attached() {
		t.Errorf("moved to %s", key.Path())
	}
}

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("12345"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Symlink("file", path+".link"), unix.Mkfifo(path+".fifo", 0o600), os.Chmod(path, 0o4751)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]events.FileType{
		path: events.FileTypeRegular, dir: events.FileTypeDirectory, path + ".link": events.FileTypeSymlink, path + ".fifo": events.FileTypeUnknown,
	} {
		st, err := Stat(path)
		if err != nil || st.Type() != want || !st.Same(st) {
			t.Errorf("%s: %v %v", path, st.Type(), err)
		}
	}
	st, err := Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Size != 5 || st.Permissions() != 0o4751 && st.Permissions() != 0o751 || st.Links != 1 || st.Inode == 0 || st.Changed < st.Modified {
		t.Errorf("%+v", st)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at, err := StatAt(int(f.Fd()), "file"); err != nil || at != st {
		t.Errorf("%+v %v", at, err)
	}
	if open, err := StatOpen(int(f.Fd())); err != nil || open.Type() != events.FileTypeDirectory {
		t.Errorf("%+v %v", open, err)
	}
	if _, err := StatAt(int(f.Fd()), "none"); err == nil {
		t.Error("a file that is not there has a status")
	}
}
