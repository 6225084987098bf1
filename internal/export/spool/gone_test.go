// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// A removal is what is done to a directory to get room.
type removal struct {
	name   string
	remove func(t *testing.T, dir string) error
}

var removals = []removal{
	{"all files", func(t *testing.T, dir string) error { return remove(t, dir, "*") }},
	{"the directory", func(_ *testing.T, dir string) error { return os.RemoveAll(dir) }},
	{"the directory is moved", func(_ *testing.T, dir string) error { return os.Rename(dir, dir+".old") }},
	{"another is in its place", func(_ *testing.T, dir string) error {
		return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755))
	}},
	{"the format", func(t *testing.T, dir string) error { return remove(t, dir, formatName) }},
	{"the state", func(t *testing.T, dir string) error { return remove(t, dir, stateName) }},
	{"the segments", func(t *testing.T, dir string) error { return remove(t, dir, "*-*") }},
	{"one class", func(t *testing.T, dir string) error { return remove(t, dir, "bulk-*") }},
	{"format and segments", func(t *testing.T, dir string) error {
		return errors.Join(remove(t, dir, formatName), remove(t, dir, "bulk-*"))
	}},
}

func remove(t *testing.T, dir, pattern string) error {
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if len(list) == 0 {
		t.Errorf("there is no %s", pattern)
	}
	for _, path := range list {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// goneRig has some segments of each class, of which something is settled and a batch is out.
func goneRig(t *testing.T) (r *rig, out *Batch) {
	r = newRig(t, nil)
	for range 10 {
		r.add(bulk, 10, 1000)
		r.add(critical, 10, 1000)
	}
	b, _ := r.take(5, 1<<20)
	r.settle(b)
	out, _ = r.take(5, 1<<20)
	return r, out
}

// outlives opens the spool again: all that one run said to be there comes, and what it has lost does not.
func (r *rig) outlives(st Stats) {
	r.t.Helper()
	r.open()
	if next := r.Stats(); next.Damaged > 0 || next.Entries != st.Entries {
		r.t.Errorf("before %+v, after %+v", st, next)
	}
	r.ship()
	if len(r.got)+int(st.Damaged) != r.next {
		r.t.Errorf("%d came, %d are lost of %d", len(r.got), st.Damaged, r.next)
	}
	r.close()
}

// Removed while it runs: what was in the files alone is counted as lost, the rest is
// written again, and the disk is used on.
func TestGone(t *testing.T) {
	for _, test := range removals {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, out := goneRig(t)
				if err := test.remove(t, r.Dir); err != nil {
					t.Fatal(err)
				}
				r.add(critical, 10, 1000) // into files that are gone
				time.Sleep(2 * mostPause)
				r.said(errGone.Error(), 1)
				r.said(saidMended, 1)
				r.add(bulk, 10, 1000)
				r.settle(out)
				st := r.Stats()
				if lost := r.ledger.Read().Lost(); !st.OnDisk || lost != st.Damaged {
					t.Errorf("%+v, %d are lost", st, lost)
				}
				if disk := r.disk(); disk > st.Bytes || disk < st.Bytes-2*blockBytes {
					t.Errorf("%d bytes on disk, %d are counted", disk, st.Bytes)
				}
				r.abandon() // all that is left is on disk
				r.outlives(st)
			})
		})
	}
}

// Removed right before the end: what is said to be spooled is there for the next run.
func TestGoneAtClose(t *testing.T) {
	closed := removal{"a segment that is closed", func(t *testing.T, dir string) error { return remove(t, dir, "bulk-*1") }}
	for _, test := range append(removals, closed) {
		for _, broken := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r, out := goneRig(t)
					r.Return(out)
					if err := test.remove(t, r.Dir); err != nil {
						t.Fatal(err)
					}
					if broken { // nothing can be made anew
						if err := errors.Join(os.RemoveAll(r.Dir), os.WriteFile(r.Dir, nil, 0o600)); err != nil {
							t.Fatal(err)
						}
						r.close() // all of it was said
						r.said(unix.ENOTDIR.Error(), 1)
						if st := r.Stats(); st.Entries > 0 || st.OnDisk {
							t.Errorf("%+v", st)
						}
						return
					}
					r.close()
					st := r.Stats()
					r.outlives(st)
				})
			})
		}
	}
}

// Another run's events that appear in the place of the directory are not written over.
func TestOtherInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := newRig(t, nil)
		other.add(bulk, 10, 1000)
		other.close()
		r := newRig(t, nil)
		r.add(bulk, 1, 1000)
		if err := errors.Join(os.RemoveAll(r.Dir), os.Rename(other.Dir, r.Dir)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(mostPause)
		if r.Stats().OnDisk {
			t.Error("it says that it is on disk")
		}
		r.ship()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		other.Dir, other.Options.Dir = r.Dir, r.Dir
		other.open()
		other.ship()
		other.once(numbers(0, 10)...)
		other.close()
		if list := other.files(events.ClassBulk); len(list) > 0 {
			t.Errorf("left are %v", list)
		}
	})
}
