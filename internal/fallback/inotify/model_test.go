// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/tree"
)

// Whatever is done to a tree, by several at once, what is known of it in the end is
// what there is.
func TestModel(t *testing.T) {
	for name, place := range places(t) {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					top := place(t)
					dir := filepath.Join(top, "watched")
					must(t, os.MkdirAll(dir, 0o755), os.Mkdir(filepath.Join(top, "outside"), 0o755))
					r := begin(t, []string{dir}, sha, kept(filepath.Join(top, "baseline")))
					var actors sync.WaitGroup
					for actor := range uint64(3) {
						actors.Go(func() { disturb(rand.New(rand.NewPCG(seed, actor)), top, 3000) })
					}
					actors.Wait()
					r.end()
					agree(t, r.source.root, dir)
					if lost := r.ledger.Read().Lost(); lost > 0 {
						t.Logf("the queue ran over %d times", lost)
					}
					r = begin(t, []string{dir}, sha, kept(filepath.Join(top, "baseline")))
					r.expect(dir)
					must(t, os.Mkdir(filepath.Join(dir, "final"), 0o755))
					r.expect(dir, "creation final")
					// Every directory is watched, and under the name that it has now.
					must(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
						if err != nil || !entry.IsDir() {
							return err
						}
						probe := filepath.Join(path, "probe")
						write(t, probe, "")
						if told := find(t, r.expect(dir, "creation probe"), "creation probe").File.Path.Name; told != probe {
							t.Errorf("%s is told as %s", probe, told)
						}
						return nil
					}))
				})
			}
		})
	}
}

// disturb does things that may fail, as others do them at the same time.
func disturb(r *rand.Rand, top string, n int) {
	pick := func() string {
		p := filepath.Join(top, "watched")
		if r.IntN(8) == 0 {
			p = filepath.Join(top, "outside")
		}
		for range 1 + r.IntN(3) {
			p = filepath.Join(p, string(rune('a'+r.IntN(3))))
		}
		return p
	}
	for range n {
		p := pick()
		switch r.IntN(10) {
		case 0, 1:
			_ = os.Mkdir(p, 0o755)
		case 2, 3:
			_ = os.WriteFile(p, make([]byte, r.IntN(100)), 0o644)
		case 4:
			_ = os.Remove(p)
		case 5:
			_ = os.RemoveAll(p)
		case 6, 7:
			_ = os.Rename(p, pick())
		case 8:
			_ = unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, pick(), unix.RENAME_EXCHANGE)
		case 9:
			_ = os.Chmod(p, 0o700|os.FileMode(r.IntN(64)))
		}
	}
}

// agree compares the tree with the disk.
func agree(t *testing.T, root *tree.Node, dir string) {
	t.Helper()
	there := map[string]bool{}
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		must(t, err)
		there[path] = true
		n := root.Lookup(path)
		if n == nil {
			t.Errorf("%s is not known", path)
			return nil
		}
		st, err := tree.Stat(path)
		must(t, err)
		if n.Type() == events.FileTypeDirectory { // its times and size change with every name
			if !n.Same(st) || !n.SameRights(st) || n.Directory == nil || !n.Directory.Watched {
				t.Errorf("%s: %+v is known, not %+v", path, n.Status, st)
			}
			return nil
		}
		if n.Status != st {
			t.Errorf("%s: %+v is known, not %+v", path, n.Status, st)
		}
		return nil
	}))
	for n := range root.Lookup(dir).All() {
		if !there[n.Path()] {
			t.Errorf("%s is known, and is not there", n.Path())
		}
	}
}
