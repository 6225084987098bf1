// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

func newSet(t testing.TB, names ...string) *hashes.Set {
	t.Helper()
	set, err := hashes.New(names)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func sample() *tree.Node {
	root := tree.NewRoot()
	root.Status = tree.Status{Inode: 2, Mode: unix.S_IFDIR | 0o755, Device: 254 << 20, Links: 20, Modified: 1, Changed: 2}
	etc := &tree.Node{Status: tree.Status{Inode: 1 << 60, Mode: unix.S_IFDIR | 0o1777, Device: 1<<32 - 1, UID: 1<<32 - 1, GID: 7, Modified: -5, Changed: -9}}
	etc.Look()
	etc.Directory.Listed = true
	etc.Attach(root, "etc")
	for i, name := range []string{"a", "\xff\n", strings.Repeat("x", 255)} {
		n := &tree.Node{Status: tree.Status{Inode: uint64(i), Size: 1 << 62, Mode: unix.S_IFREG | 0o644, Device: 254 << 20, Links: 1, Modified: 1_790_000_000_000_000_000, Changed: 1_790_000_000_000_000_001}}
		if i != 1 {
			n.Hashes = strings.Repeat(string(rune('a'+i)), 32)
		}
		n.Attach(etc, name)
	}
	empty := &tree.Node{}
	empty.Look()
	empty.Attach(etc, "empty")
	return root
}

// list says all that a tree holds.
func list(root *tree.Node) string {
	lines := map[string]string{}
	for n := range root.All() {
		line := fmt.Sprintf("%q %+v %x", n.Path(), n.Status, n.Hashes)
		if n.Directory != nil {
			line += fmt.Sprint(" ", n.Directory.Listed, n.Directory.Watched)
		}
		lines[n.Path()] = line
	}
	return fmt.Sprint(lines)
}

func TestRoundTrip(t *testing.T) {
	set := newSet(t, "sha256")
	want := sample()
	b := Encode(want, set, []string{"/etc", ""})
	known, err := Decode(b, set)
	got := known.Root
	if err != nil || known.Rehash || !slices.Equal(known.Covers, []string{"/etc", ""}) || list(got) != list(want) {
		t.Fatalf("%v %v\n%s\n%s", err, known, list(got), list(want))
	}
	if again := Encode(got, set, known.Covers); !bytes.Equal(again, b) {
		t.Error("encoded otherwise the second time")
	}
	// Of another set nothing is left but that they were.
	known, err = Decode(b, newSet(t, "sha1"))
	if err != nil || !known.Rehash {
		t.Fatalf("%v %v", err, known)
	}
	got = known.Root
	for n := range got.All() {
		if n.Hashes != "" {
			t.Errorf("%s has hashes of another kind", n.Path())
		}
	}
	for n := range want.All() {
		n.Hashes = ""
	}
	if list(got) != list(want) {
		t.Error("more than the hashes is gone")
	}
}

// No bit can change, and no byte be missing, without being noticed.
func TestDamage(t *testing.T) {
	set := newSet(t, "sha256")
	b := Encode(sample(), set, nil)
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x10
		if _, err := Decode(damaged, set); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := Decode(b[:i], set); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	if _, err := Decode([]byte("sensor baseline 2\n"+strings.Repeat("x", 99)), set); !errors.Is(err, ErrVersion) {
		t.Errorf("version: %v", err)
	}
}

// FuzzDecode goes behind the checksum, which keeps the fuzzer out.
func FuzzDecode(f *testing.F) {
	set := newSet(f, "sha256")
	body := func(b []byte) []byte { return b[len(version) : len(b)-sha256.Size] }
	f.Add(body(Encode(sample(), set, nil)))
	f.Add(body(Encode(tree.NewRoot(), newSet(f), nil)))
	f.Add(body(Encode(sample(), newSet(f, "md5", "xxh64"), []string{"x"})))
	f.Fuzz(func(t *testing.T, b []byte) {
		known, err := decodeBody(b, set)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		again, err := Decode(Encode(known.Root, set, known.Covers), set)
		if err != nil || !slices.Equal(again.Covers, known.Covers) || list(again.Root) != list(known.Root) {
			t.Fatalf("%v\n%s\n%s", err, list(known.Root), list(again.Root))
		}
	})
}

func TestDeep(t *testing.T) {
	set := newSet(t)
	for levels, want := range map[int]error{depth - 1: nil, depth: ErrDamaged} {
		root := tree.NewRoot()
		at := root
		for range levels {
			n := &tree.Node{}
			n.Look()
			n.Attach(at, "d")
			at = n
		}
		if _, err := Decode(Encode(root, set, nil), set); !errors.Is(err, want) {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "baseline")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(Temporary(path), []byte("left over"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"one", "another"} {
		if err := Save(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if b, err := Load(path); err != nil || string(b) != content {
			t.Errorf("%q %v", b, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("loaded what others can write")
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := Save(filepath.Join(dir, "baseline"), nil); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
}

func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink("/etc/passwd", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir} {
		if _, err := Load(path); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := Save(filepath.Join(fifo, "baseline"), nil); err == nil {
		t.Error("saved below what is no directory")
	}
}
