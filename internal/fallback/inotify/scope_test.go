// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestScope(t *testing.T) {
	for name, test := range map[string]struct {
		paths, ignored []string
		flat           bool
		tells, not     []string
		looks, blind   []string
	}{
		"tree": {
			paths: []string{"/none/a/"}, ignored: []string{"/none/a/out"},
			tells: []string{"/none/a", "/none/a/b", "/none/a/b/c"}, not: []string{"/", "/none", "/none/ab", "/none/a/out"},
			looks: []string{"/", "/none", "/none/a", "/none/a/b"}, blind: []string{"/none/ab", "/nones"},
		},
		"flat": {
			paths: []string{"/none/a", "/none/a/b/c"}, flat: true,
			tells: []string{"/none/a", "/none/a/b", "/none/a/x", "/none/a/b/c", "/none/a/b/c/d"}, not: []string{"/none/a/b/x", "/none/a/b/c/d/e", "/none"},
			looks: []string{"/", "/none/a", "/none/a/b", "/none/a/b/c"}, blind: []string{"/none/a/x", "/none/a/b/c/d"},
		},
		"all": {
			paths: []string{"/"}, tells: []string{"/", "/none", "/none/x"}, looks: []string{"/", "/none"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScope(test.paths, !test.flat, test.ignored)
			again := scopeOf(s.words())
			for _, p := range test.tells {
				if !s.tells(p) || !again.tells(p) || p != "/" && !s.cares(filepath.Dir(p), filepath.Base(p)) {
					t.Errorf("%s is not told", p)
				}
			}
			for _, p := range test.not {
				if s.tells(p) {
					t.Errorf("%s is told", p)
				}
			}
			for _, p := range test.looks {
				if !s.looks(p) || !again.looks(p) {
					t.Errorf("%s is not looked into", p)
				}
			}
			for _, p := range test.blind {
				if s.looks(p) {
					t.Errorf("%s is looked into", p)
				}
			}
			if !slices.Equal(again.words(), s.words()) {
				t.Errorf("%q, then %q", s.words(), again.words())
			}
		})
	}
}

func TestResolve(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err, os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", filepath.Join(dir, "link")), os.Symlink("loop", filepath.Join(dir, "loop")))
	for path, want := range map[string]string{"link": "real", "link/not/there": "real/not/there", "real": "real", "loop": "loop", "loop/x": "loop/x"} {
		if got := resolve(filepath.Join(dir, path)); got != filepath.Join(dir, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestUnescape(t *testing.T) {
	if got := unescape(`/a\040b\134040`); got != `/a b\040` {
		t.Error(got)
	}
}
