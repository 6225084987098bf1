// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Everything that can happen to a file, on each kind of file system.
func TestKinds(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			old := filepath.Join(dir, "old")
			write(t, old, "old")
			must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
			r := begin(t, []string{dir}, sha)

			write(t, filepath.Join(dir, "new"), "hello")
			all := r.expect(dir, "creation new", "modification new")
			f := find(t, all, "modification new").File
			sum := sha256.Sum256([]byte("hello"))
			if len(f.Hashes) != 1 || f.Hashes[0] != (events.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}) {
				t.Errorf("hashes %v", f.Hashes)
			}
			var st unix.Stat_t
			must(t, unix.Stat(f.Path.Name, &st))
			if !f.Known || f.Mode != 0o644 || f.Size != 5 || f.Inode != st.Ino || f.Major != unix.Major(st.Dev) || f.Minor != unix.Minor(st.Dev) || f.Links != 1 ||
				f.Type != events.FileTypeRegular || int(f.Owner.ID) != os.Getuid() || f.Modified.UnixNano() != st.Mtim.Nano() || f.Changed.UnixNano() != st.Ctim.Nano() {
				t.Errorf("%+v", f)
			}

			must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "sub", "newer")))
			all = r.expect(dir, "rename newer from new")
			if e := find(t, all, "rename newer from new"); e.File.Original.Name != filepath.Join(dir, "new") || e.File.Path.Name != filepath.Join(dir, "sub", "newer") || len(e.File.Hashes) != 1 {
				t.Errorf("%+v", e.File)
			}
			must(t, os.Rename(filepath.Join(dir, "sub", "newer"), old))
			r.expect(dir, "rename old from newer replaced")

			must(t, os.Chmod(old, 0o4711))
			all = r.expect(dir, "attributes_modified old")
			if m := find(t, all, "attributes_modified old").File.Mode; m&0o777 != 0o711 {
				t.Errorf("mode %o", m)
			}
			must(t, os.Chtimes(old, time.Unix(1, 0), time.Unix(2, 0)))
			r.expect(dir, "attributes_modified old")
			must(t, os.Link(old, filepath.Join(dir, "link")))
			r.expect(dir, "creation link")
			must(t, os.Truncate(old, 1))
			r.expect(dir, "modification old")
			remove(t, old)
			all = r.expect(dir, "deletion old")
			if f := find(t, all, "deletion old").File; !f.Known || f.Size != 1 || f.Type != events.FileTypeRegular {
				t.Errorf("%+v", f)
			}
			must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "symlink")))
			all = r.expect(dir, "creation symlink")
			if f := find(t, all, "creation symlink").File; f.Target != "/etc/passwd" || f.Type != events.FileTypeSymlink || f.Hashes != nil {
				t.Errorf("%+v", f)
			}
			must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
			must(t, os.Mkdir(filepath.Join(dir, "made"), 0o700))
			r.expect(dir, "creation made")
			must(t, os.Chmod(filepath.Join(dir, "made"), 0o755))
			r.expect(dir, "attributes_modified made")
			must(t, os.Remove(filepath.Join(dir, "made")))
			r.expect(dir, "deletion made")
		})
	}
}

func TestExtendedAttributes(t *testing.T) {
	dir := resolve(t.TempDir())
	write(t, filepath.Join(dir, "file"), "")
	r := begin(t, []string{dir})
	if err := unix.Setxattr(filepath.Join(dir, "file"), "user.x", []byte("1"), 0); errors.Is(err, unix.ENOTSUP) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	r.expect(dir, "attributes_modified file")
}

// Two files change places: one event, and both are known under their new names.
func TestExchange(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			write(t, a, "a")
			write(t, b, "bb")
			r := begin(t, []string{dir}, sha)
			must(t, unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE))
			r.expect(dir, "rename b from a exchanged")
			remove(t, a)
			remove(t, b)
			all := r.expect(dir, "deletion a", "deletion b")
			if a, b := find(t, all, "deletion a").File.Size, find(t, all, "deletion b").File.Size; a != 2 || b != 1 {
				t.Errorf("sizes %d, %d", a, b)
			}
		})
	}
}

// A name that is passed on, as logs are rotated.
func TestRotation(t *testing.T) {
	dir := resolve(t.TempDir())
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("log"), "0")
	write(t, path("log.1"), "1")
	r := begin(t, []string{dir})
	must(t, os.Rename(path("log.1"), path("log.2")), os.Rename(path("log"), path("log.1")))
	write(t, path("log"), "new")
	r.expect(dir, "rename log.2 from log.1", "rename log.1 from log", "creation log", "modification log")
	must(t, os.Rename(path("log"), path("x")), os.Rename(path("x"), path("y")), os.Rename(path("y"), path("log")))
	r.expect(dir, "rename x from log", "rename y from x", "rename log from y")
}

// Trees move in, move within, and move out.
func TestTrees(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			top := place(t)
			dir, out := filepath.Join(top, "in"), filepath.Join(top, "out")
			must(t, os.MkdirAll(dir, 0o755), os.MkdirAll(filepath.Join(out, "tree", "a", "b"), 0o755))
			write(t, filepath.Join(out, "tree", "a", "b", "file"), "x")
			r := begin(t, []string{dir})
			must(t, os.Rename(filepath.Join(out, "tree"), filepath.Join(dir, "tree")))
			r.expect(dir, "creation tree", "creation a", "creation b", "creation file")
			must(t, os.Rename(filepath.Join(dir, "tree"), filepath.Join(dir, "moved")))
			r.expect(dir, "rename moved from tree")
			// What is below has new paths, and is watched under these.
			write(t, filepath.Join(dir, "moved", "a", "b", "file"), "yy")
			all := r.expect(dir, "modification file")
			if p := find(t, all, "modification file").File.Path.Name; p != filepath.Join(dir, "moved", "a", "b", "file") {
				t.Error(p)
			}
			// The old name is used anew.
			must(t, os.MkdirAll(filepath.Join(dir, "tree", "a"), 0o755))
			r.expect(dir, "creation tree", "creation a")
			write(t, filepath.Join(dir, "tree", "a", "file"), "")
			all = r.expect(dir, "creation file")
			if p := find(t, all, "creation file").File.Path.Name; p != filepath.Join(dir, "tree", "a", "file") {
				t.Error(p)
			}
			must(t, os.Rename(filepath.Join(dir, "moved"), filepath.Join(out, "moved")))
			r.expect(dir, "deletion file", "deletion b", "deletion a", "deletion moved")
			write(t, filepath.Join(out, "moved", "a", "unseen"), "")
			must(t, os.RemoveAll(filepath.Join(dir, "tree")))
			r.expect(dir, "deletion file", "deletion a", "deletion tree")
		})
	}
}

// Directories are made faster than they can be watched: nothing is missed and
// nothing told twice.
func TestRace(t *testing.T) {
	dir := resolve(t.TempDir())
	r := begin(t, []string{dir}, func(s *Source) { s.timing.quiet = 5 * time.Millisecond })
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	want := map[string]int{}
	for i := range rounds {
		path := dir
		for _, part := range []string{"d" + hex.EncodeToString([]byte{byte(i >> 8), byte(i)}), "a", "b"} {
			path = filepath.Join(path, part)
			must(t, os.Mkdir(path, 0o755))
			want[path]++
			write(t, filepath.Join(path, "file"), "x")
			want[filepath.Join(path, "file")]++
		}
	}
	created := func(all []*events.Event) map[string]int {
		have := map[string]int{}
		for _, e := range all {
			if e.Kind == events.KindFileCreate || e.Words != nil && e.Words.Action == "creation" {
				have[e.File.Path.Name]++
			}
		}
		return have
	}
	r.await("each file", func(all []*events.Event) bool { return len(created(all)) >= len(want) })
	r.end()
	for path, n := range created(r.all()) {
		if want[path] != n {
			t.Errorf("%s: told %d times", path, n)
		}
		delete(want, path)
	}
	if len(want) > 0 {
		t.Errorf("%d were missed", len(want))
	}
}

// Files that are gone before anyone can look are told all the same.
func TestShortLife(t *testing.T) {
	dir := resolve(t.TempDir())
	r := begin(t, []string{dir}, sha)
	const n = 200
	for range n {
		write(t, filepath.Join(dir, "short"), "x")
		remove(t, filepath.Join(dir, "short"))
	}
	var want []string
	for range n {
		want = append(want, "creation short", "modification short", "deletion short")
	}
	counts := func(all []*events.Event) map[string]int {
		m := map[string]int{}
		for _, l := range lines(all) {
			m[l]++
		}
		return m
	}
	all := r.await("each", func(all []*events.Event) bool { return len(all) >= len(want) })
	for l, got := range counts(all) {
		if got != n {
			t.Errorf("%s: %d times", l, got)
		}
	}
}

// A single file is watched by its name: when it is replaced, goes and comes back.
func TestSingleFile(t *testing.T) {
	dir := resolve(t.TempDir())
	path := filepath.Join(dir, "later", "passwd")
	r := begin(t, []string{path, filepath.Join(dir, "beacon")})
	expect := func(want ...string) []*events.Event {
		t.Helper()
		return r.expectBeacon(filepath.Join(dir, "beacon"), want...)
	}
	must(t, os.Mkdir(filepath.Dir(path), 0o755))
	write(t, path, "")
	write(t, path+".other", "")
	expect("creation passwd")
	write(t, path+"+", "22")
	must(t, os.Rename(path+"+", path))
	expect("rename passwd from passwd+ replaced")
	must(t, os.Rename(path, path+"-"))
	all := expect("rename passwd- from passwd")
	if p := find(t, all, "rename passwd- from passwd").File.Path.Name; p != path+"-" {
		t.Error(p)
	}
	write(t, path+"-", "not told")
	must(t, os.Rename(path+"-", path))
	expect("rename passwd from passwd-")
	must(t, os.RemoveAll(filepath.Dir(path)))
	expect("deletion passwd")
	must(t, os.Mkdir(filepath.Dir(path), 0o755))
	write(t, path, "")
	expect("creation passwd")
}

// expectBeacon is expect where only the beacon can be a marker.
func (r *run) expectBeacon(beacon string, want ...string) []*events.Event {
	r.t.Helper()
	r.await(strings.Join(want, ", "), func(all []*events.Event) bool {
		have := strings.Join(lines(all), "\n")
		for _, w := range want {
			if !strings.Contains(have, w) {
				return false
			}
		}
		return true
	})
	write(r.t, beacon, "")
	remove(r.t, beacon)
	all := r.await("the beacon", func(all []*events.Event) bool {
		return strings.Contains(strings.Join(lines(all), "\n"), "deletion beacon")
	})
	var rest []*events.Event
	for _, e := range all {
		if !strings.HasSuffix(line(e), " beacon") {
			rest = append(rest, e)
		}
	}
	if got := lines(rest); strings.Join(got, "\n") != strings.Join(want, "\n") {
		r.t.Errorf("told %q, want %q", got, want)
	}
	r.mu.Lock()
	r.told = nil
	r.mu.Unlock()
	return rest
}

// The version of fsnotify that is used says in the text of an event what a name was
// before. A name is bytes, and may look like that text.
func TestRenamedFrom(t *testing.T) {
	dir := t.TempDir()
	w, err := fsnotify.NewWatcher()
	must(t, err)
	defer w.Close()
	must(t, w.Add(dir))
	previous := filepath.Join(dir, "first")
	write(t, previous, "")
	for _, name := range []string{"\" ← \"", "\xff\n\\", " ← ", "é"} {
		next := filepath.Join(dir, name)
		must(t, os.Rename(previous, next))
		for {
			e := <-w.Events
			if e.Name != next || !e.Has(fsnotify.Create) {
				if from := renamedFrom(e); from != "" {
					t.Errorf("%s: from %q", e, from)
				}
				continue
			}
			if from := renamedFrom(e); from != previous {
				t.Errorf("%s: from %q", e, from)
			}
			break
		}
		previous = next
	}
	if from := renamedFrom(fsnotify.Event{Name: `x" ← "y`, Op: fsnotify.Create}); from != "" {
		t.Errorf("from %q", from)
	}
}
