// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func pack(t *testing.T, tree *Tree) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := tree.Pack(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestTreeOrder(t *testing.T) {
	tree := NewTree()
	tree.File("/a/b/file", 0o644, []byte("first"))
	tree.File("/a/b/file", 0o644, []byte("second"))
	tree.Dir("/a", 0o700)
	b := pack(t, tree)
	if bytes.Contains(b, []byte("first")) || !bytes.Contains(b, []byte("second")) {
		t.Error("the later entry did not replace the earlier one")
	}
	a, ab, file := bytes.Index(b, []byte("a\x00")), bytes.Index(b, []byte("a/b\x00")), bytes.Index(b, []byte("a/b/file\x00"))
	if a < 0 || a > ab || ab > file {
		t.Errorf("a at %d, a/b at %d, a/b/file at %d: parents have to come first", a, ab, file)
	}
	if !bytes.Equal(b, pack(t, tree)) {
		t.Error("equal trees give different bytes")
	}
}

func TestTreeCopy(t *testing.T) {
	src := t.TempDir()
	if err := os.MkdirAll(filepath.Join(src, "dir/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "dir/sub/tool"), []byte("binary"), 0o751); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"dir/link": "sub/tool", "top": "dir"} {
		if err := os.Symlink(target, filepath.Join(src, link)); err != nil {
			t.Fatal(err)
		}
	}
	tree := NewTree()
	if err := tree.Copy(filepath.Join(src, "top"), "/opt"); err != nil {
		t.Fatal(err)
	}
	if n := tree.nodes["opt/sub/tool"]; n.mode != 0o751 {
		t.Errorf("tool has mode %o, want 751", n.mode)
	}
	if n := tree.nodes["opt/link"]; n.target != "sub/tool" {
		t.Errorf("link leads to %q", n.target)
	}
	if b := pack(t, tree); !bytes.Contains(b, []byte("binary")) {
		t.Error("the file's content is missing")
	}
	if err := tree.Copy(filepath.Join(src, "none"), "/none"); err == nil {
		t.Error("a missing file is no error")
	}
	if err := tree.Copy("/dev/null", "/null"); err == nil {
		t.Error("a device is no error")
	}
}

func TestSkeleton(t *testing.T) {
	tree := NewTree()
	Skeleton(tree, "name")
	for _, name := range []string{"etc/passwd", "etc/group", "etc/machine-id", "etc/os-release", "etc/hostname", "tmp", "proc", "sys", "dev"} {
		if _, ok := tree.nodes[name]; !ok {
			t.Errorf("no /%s", name)
		}
	}
	if id := strings.TrimSpace(string(tree.nodes["etc/machine-id"].data)); len(id) != 32 {
		t.Errorf("machine-id %q has %d digits, want 32", id, len(id))
	}
}
