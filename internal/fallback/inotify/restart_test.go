// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// kept keeps a baseline at the path.
func kept(path string) setting { return func(s *Source) { s.options.Baseline = path } }

// idle waits until nothing is left to be read.
func (r *run) idle() {
	r.t.Helper()
	r.await("the end of the first reading", func([]*events.Event) bool { return strings.Contains(r.logged(), "files without hashes were read") })
}

// What happens between two runs is told by the second, once, and never by the third.
func TestRestart(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			top := place(t)
			dir := filepath.Join(top, "watched")
			baseline := filepath.Join(top, "state", "baseline")
			path := func(name string) string { return filepath.Join(dir, name) }
			must(t, os.MkdirAll(path("tree/sub"), 0o755), os.MkdirAll(path("gone/sub"), 0o755))
			for _, name := range []string{"same", "content", "hidden", "touched", "mode", "renamed", "replaced", "deleted", "rewritten", "tree/one", "tree/sub/two", "tree/sub/three", "gone/sub/file"} {
				write(t, path(name), "content of "+name)
			}
			r := begin(t, []string{dir}, sha, kept(baseline))
			r.idle()
			r.end()
			if len(r.all()) > 0 {
				t.Errorf("the first run told %v", lines(r.all()))
			}

			begun := time.Now().Add(-time.Second)
			var before unix.Stat_t
			must(t, unix.Stat(path("hidden"), &before))
			write(t, path("content"), "other")
			write(t, path("hidden"), "CONTENT of hidden") // of the same size, and then of the same time
			must(t, os.Chtimes(path("hidden"), time.Time{}, time.Unix(before.Mtim.Unix())))
			must(t, os.Chtimes(path("touched"), time.Unix(5, 0), time.Unix(5, 0)), os.Chmod(path("mode"), 0o600), os.Rename(path("renamed"), path("renamed.new")))
			write(t, path("replacement"), "another")
			must(t, os.Rename(path("replacement"), path("replaced")), os.Remove(path("deleted")))
			write(t, path("rewritten"), "content of rewritten")
			write(t, path("new"), "")
			must(t, os.Rename(path("tree"), path("moved")))
			write(t, path("moved/sub/three"), "changed, too")
			must(t, os.RemoveAll(path("gone")), os.MkdirAll(path("fresh/sub"), 0o755))
			write(t, path("fresh/sub/file"), "")

			r = begin(t, []string{dir}, sha, kept(baseline))
			want := []string{
				"~modification content offline", "~modification hidden offline", "~attributes_modified touched offline", "~attributes_modified mode offline",
				"~rename renamed.new from renamed offline", "~modification replaced replaced offline", "~deletion deleted offline", "~attributes_modified rewritten offline",
				"~creation new offline", "~rename moved from tree offline", "~modification three offline",
				"~deletion file offline", "~deletion sub offline", "~deletion gone offline", "~creation fresh offline", "~creation sub offline", "~creation file offline",
			}
			for _, e := range r.expect(dir, want...) {
				if e.Kind != events.KindFileIntegrity || e.Time.Before(begun) || e.Time.After(time.Now()) {
					t.Errorf("%s at %s", line(e), e.Time)
				}
				if deleted := strings.Contains(line(e), "deletion"); !deleted && e.File.Type == events.FileTypeRegular && len(e.File.Hashes) != 1 {
					t.Errorf("%s has no hash", line(e))
				}
			}
			r.end()

			r = begin(t, []string{dir}, sha, kept(baseline))
			r.expect(dir)
			if strings.Contains(r.logged(), "files without hashes") {
				t.Error("files were read again")
			}
		})
	}
}

// What a run tells itself is not told again by the next.
func TestToldOnce(t *testing.T) {
	top := resolve(t.TempDir())
	dir, baseline := filepath.Join(top, "watched"), filepath.Join(top, "baseline")
	must(t, os.Mkdir(dir, 0o755))
	write(t, filepath.Join(dir, "old"), "old")
	r := begin(t, []string{dir}, sha, kept(baseline), func(s *Source) { s.timing.quiet = time.Hour })
	write(t, filepath.Join(dir, "old"), "changed")
	write(t, filepath.Join(dir, "new"), "new")
	must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "newer")))
	r.end() // at once: all of this may still be in the queue
	have := lines(r.all())
	slices.Sort(have)
	if want := []string{"creation new", "modification new", "modification old", "rename newer from new"}; !slices.Equal(have, want) {
		t.Errorf("%q", have)
	}
	if f := find(t, r.all(), "modification old").File; len(f.Hashes) != 1 {
		t.Error("no hash at the end")
	}
	r = begin(t, []string{dir}, sha, kept(baseline))
	r.expect(dir)
}

// A baseline that cannot be used is begun anew, which is said and costs nothing else.
func TestBadBaseline(t *testing.T) {
	top := resolve(t.TempDir())
	dir, baseline := filepath.Join(top, "watched"), filepath.Join(top, "baseline")
	must(t, os.Mkdir(dir, 0o755))
	write(t, filepath.Join(dir, "file"), "x")
	for name, spoil := range map[string]func(){
		"cut":     func() { must(t, os.Truncate(baseline, 100)) },
		"garbage": func() { write(t, baseline, "garbage") },
		"empty":   func() { write(t, baseline, "") },
		"foreign": func() { must(t, os.Chmod(baseline, 0o666)) },
	} {
		t.Run(name, func(t *testing.T) {
			must(t, os.RemoveAll(baseline))
			r := begin(t, []string{dir}, sha, kept(baseline))
			r.end()
			spoil()
			write(t, filepath.Join(dir, "file"), name)
			r = begin(t, []string{dir}, sha, kept(baseline))
			r.expect(dir)
			if !strings.Contains(r.logged(), "begun anew") {
				t.Error("it was not said")
			}
			r.end()
			write(t, filepath.Join(dir, "file"), name+" again")
			r = begin(t, []string{dir}, sha, kept(baseline))
			r.expect(dir, "~modification file offline")
		})
	}
}

// What is watched only since this start was not created meanwhile, and what is not
// watched any more was not deleted. Other hashes are no change either.
func TestOtherSettings(t *testing.T) {
	top := resolve(t.TempDir())
	baseline := filepath.Join(top, "baseline")
	a, b := filepath.Join(top, "a"), filepath.Join(top, "b")
	must(t, os.MkdirAll(filepath.Join(a, "sub"), 0o755), os.MkdirAll(filepath.Join(b, "sub"), 0o755))
	for _, path := range []string{filepath.Join(a, "file"), filepath.Join(a, "sub", "file"), filepath.Join(b, "sub", "file")} {
		write(t, path, "x")
	}
	flat := func(s *Source) { s.options.Recursive = false }
	md5 := func(s *Source) { s.options.Hashes = []string{"md5"} }
	begin(t, []string{a}, flat, sha, kept(baseline)).end()
	write(t, filepath.Join(a, "sub", "unknown"), "was there when its directory was not watched")

	r := begin(t, []string{a, b}, sha, kept(baseline))
	r.expect(b)
	r.end()

	write(t, filepath.Join(a, "file"), "yy")
	r = begin(t, []string{a, b}, md5, kept(baseline))
	r.expect(b, "~modification file offline")
	r.end()

	write(t, filepath.Join(b, "sub", "new"), "")
	r = begin(t, []string{b}, md5, kept(baseline))
	r.expect(b, "~creation new offline")
	r.end()

	r = begin(t, []string{a, b}, md5, kept(baseline))
	r.expect(b)
	r.end()

	// A path that is configured and comes only later is new.
	c := filepath.Join(top, "c")
	begin(t, []string{b, c}, md5, kept(baseline)).end()
	write(t, c, "")
	r = begin(t, []string{b, c}, md5, kept(baseline))
	r.expect(b, "~creation c offline")
}

// Without hashes sizes and times decide.
func TestRestartWithoutHashes(t *testing.T) {
	top := resolve(t.TempDir())
	dir, baseline := filepath.Join(top, "watched"), filepath.Join(top, "baseline")
	must(t, os.Mkdir(dir, 0o755))
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name), "x")
	}
	begin(t, []string{dir}, kept(baseline)).end()
	write(t, filepath.Join(dir, "a"), "yy")
	must(t, os.Chmod(filepath.Join(dir, "b"), 0o600), os.Link(filepath.Join(dir, "c"), filepath.Join(top, "elsewhere")))
	r := begin(t, []string{dir}, kept(baseline))
	r.expect(dir, "~modification a offline", "~attributes_modified b offline")
}

// However fast a name changes, what is known in the end is what there is.
func TestFastNames(t *testing.T) {
	top := resolve(t.TempDir())
	dir, baseline := filepath.Join(top, "watched"), filepath.Join(top, "baseline")
	must(t, os.Mkdir(dir, 0o755))
	path := func(name string) string { return filepath.Join(dir, name) }
	r := begin(t, []string{dir}, sha, kept(baseline))
	for range 100 {
		write(t, path("a"), "a")
		write(t, path("b"), "bb")
		must(t, os.Rename(path("a"), path("c")), os.Rename(path("b"), path("a")), os.Rename(path("c"), path("b")), os.Mkdir(path("d"), 0o755))
		write(t, path("d/file"), "")
		must(t, unix.Renameat2(unix.AT_FDCWD, path("a"), unix.AT_FDCWD, path("b"), unix.RENAME_EXCHANGE), os.Rename(path("d"), path("e")))
		write(t, path("e/other"), "")
		must(t, os.Remove(path("a")), os.Rename(path("b"), path("e/b")), os.Rename(path("e"), path("d")), os.RemoveAll(path("d")))
	}
	must(t, os.Mkdir(path("d"), 0o755), os.Rename(path("d"), path("e")), os.Mkdir(path("d"), 0o755))
	write(t, path("e/last"), "")
	write(t, path("d/last"), "")
	r.end()
	r = begin(t, []string{dir}, sha, kept(baseline))
	r.expect(dir)
	write(t, path("e/last"), "x")
	write(t, path("d/last"), "x")
	r.expect(dir, "modification last", "modification last")
}

// A directory that the first run has seen grow is found under its new name, and one
// that was not stopped in order has a baseline, too.
func TestGrownAndKilled(t *testing.T) {
	top := resolve(t.TempDir())
	dir, baseline, copied := filepath.Join(top, "watched"), filepath.Join(top, "baseline"), filepath.Join(top, "copy")
	must(t, os.MkdirAll(filepath.Join(dir, "a"), 0o755))
	r := begin(t, []string{dir}, sha, kept(baseline), func(s *Source) { s.timing.save = time.Hour })
	var content []byte
	r.await("the first baseline", func([]*events.Event) bool {
		var err error
		content, err = os.ReadFile(baseline)
		return err == nil
	})
	must(t, os.WriteFile(copied, content, 0o600), os.Mkdir(filepath.Join(dir, "a", "b"), 0o755))
	r.end()
	must(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	r = begin(t, []string{dir}, sha, kept(baseline))
	r.expect(dir, "~rename c from a offline")
	r.end()
	// The copy is of before b.
	r = begin(t, []string{dir}, sha, kept(copied))
	r.await("what the one who was killed did not save", func(all []*events.Event) bool {
		return strings.Contains(strings.Join(lines(all), "\n"), "~creation b offline")
	})
}
