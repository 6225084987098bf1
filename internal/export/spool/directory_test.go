// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Events are for the sensor's own eyes.
func TestPrivate(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	r := newRig(t, nil)
	r.add(bulk, 10, 100)
	err := filepath.Walk(r.Dir, func(path string, info fs.FileInfo, err error) error {
		want := fs.FileMode(0o600)
		if path == r.Dir {
			want = fs.ModeDir | 0o700
		}
		if err == nil && info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	r.close()
	if err := os.Chmod(r.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.open()
	if info, err := os.Stat(r.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	r.close()
}

// chown gives a file to another user.
func chown(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	if err := os.Lchown(path, 1234, -1); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(t *testing.T, r *rig)
		err    error
		says   string
	}{
		{"in use", func(t *testing.T, r *rig) { r.open() }, ErrInUse, "another sensor uses it"},
		{"newer", func(t *testing.T, r *rig) {
			writeFile(t, filepath.Join(r.Dir, formatName), []byte("sensor spool 7\nand something that is new\n"))
		}, ErrFormat, "it is 7, this one reads up to 1"},
		{"foreign", func(t *testing.T, r *rig) {
			r.Dir = t.TempDir()
			writeFile(t, filepath.Join(r.Dir, "mail"), []byte("mine"))
		}, ErrForeign, "it holds files of something else"},
		{"foreign with such a file", func(t *testing.T, r *rig) {
			r.Dir = t.TempDir()
			writeFile(t, filepath.Join(r.Dir, formatName), []byte("mine"))
		}, ErrForeign, "its file format is not that of a spool"},
		{"foreign with such an empty file", func(t *testing.T, r *rig) {
			r.Dir = t.TempDir()
			writeFile(t, filepath.Join(r.Dir, formatName), nil)
			writeFile(t, filepath.Join(r.Dir, "mail"), []byte("mine"))
		}, ErrForeign, "it holds files of something else"},
		{"made by another user", func(t *testing.T, r *rig) { r.Dir = t.TempDir(); chown(t, r.Dir) }, ErrUntrusted, "belongs to user 1234"},
		{"a link of another user", func(t *testing.T, r *rig) {
			link := r.Dir + "s"
			if err := os.Symlink(r.Dir, link); err != nil {
				t.Fatal(err)
			}
			r.Dir = link
			chown(t, link)
		}, ErrUntrusted, "belongs to user 1234"},
		{"a segment of another user", func(t *testing.T, r *rig) {
			chown(t, r.files(events.ClassBulk)[0])
		}, ErrUntrusted, "bulk-00000000000000000001 belongs to user 1234"},
		{"the group may write", func(t *testing.T, r *rig) {
			if err := os.Chmod(r.Dir, 0o770); err != nil {
				t.Fatal(err)
			}
		}, ErrUntrusted, "is -rwxrwx---"},
		{"a file", func(t *testing.T, r *rig) {
			r.Dir = filepath.Join(t.TempDir(), "file")
			writeFile(t, r.Dir, nil)
		}, unix.ENOTDIR, "not a directory"},
		{"a link", func(t *testing.T, r *rig) {
			path := filepath.Join(r.Dir, formatName)
			if err := errors.Join(os.Rename(path, path+"s"), os.Symlink(path+"s", path)); err != nil {
				t.Fatal(err)
			}
		}, unix.ELOOP, "too many levels"},
		{"too small", func(_ *testing.T, r *rig) { r.MaxBytes = LeastBytes - 1 }, nil, "the least is 1048576"},
		{"negative", func(_ *testing.T, r *rig) { r.MaxAge = -time.Second }, nil, "an age of -1s is negative"},
		{"sync", func(_ *testing.T, r *rig) { r.Sync = "always" }, nil, `sync is "always": it can be never, interval or batch`},
		{"full", func(_ *testing.T, r *rig) { r.Full = "" }, nil, `full is "": it can be oldest or newest`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, nil)
			n := r.add(bulk, 1, 100)
			r.close()
			test.before(t, r)
			before, err := os.Stat(r.Dir)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(r.Options)
			if err == nil || !strings.HasPrefix(err.Error(), "open spool") || !strings.Contains(err.Error(), test.says) || test.err != nil && !errors.Is(err, test.err) {
				t.Errorf("got error %v, want %v: %s", err, test.err, test.says)
			}
			if test.err == ErrInUse { // who has it is not disturbed
				r.ship()
				r.once(n)
				r.close()
			}
			if test.err != ErrForeign {
				return
			}
			list, err := os.ReadDir(r.Dir)
			if err != nil || slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() != "mail" && e.Name() != formatName }) {
				t.Errorf("there are %v, error %v", list, err)
			}
			if info, err := os.Stat(r.Dir); err != nil || info.Mode() != before.Mode() {
				t.Errorf("the directory has mode %v, error %v", info.Mode(), err)
			}
		})
	}
}

// What a killed run has begun and not finished is no hindrance.
func TestLeftovers(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": "sens", "zeros": "\x00\x00\x00"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			n := r.add(bulk, 1, 100)
			r.abandon()
			writeFile(t, filepath.Join(r.Dir, formatName), []byte(text))
			writeFile(t, r.dir.segmentName(events.ClassBulk, 2), nil) // begun, no more
			r.open()
			if got := readFile(t, filepath.Join(r.Dir, formatName)); string(got) != "sensor spool 1\n" {
				t.Errorf("the format is %q", got)
			}
			n2 := r.add(bulk, 1, 100)
			r.ship()
			r.once(n, n2)
			r.close()
		})
	}
}

// A mount point of its own may be the spool.
func TestLostAndFound(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Dir = t.TempDir()
		if err := os.Mkdir(filepath.Join(o.Dir, "lost+found"), 0o700); err != nil {
			t.Fatal(err)
		}
	})
	r.close()
}

// A directory of which the format alone is gone is still the spool's.
func TestFormatGone(t *testing.T) {
	r := newRig(t, nil)
	r.add(bulk, 100, 1000)
	r.close()
	if err := os.Remove(filepath.Join(r.Dir, formatName)); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.ship()
	r.once(numbers(0, 100)...)
	r.close()
}

// An empty directory to which anybody may write, such as a container is given, becomes the spool's own.
func TestEmptyDirectory(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Dir = t.TempDir()
		if err := os.Chmod(o.Dir, 0o777); err != nil {
			t.Fatal(err)
		}
	})
	if info, err := os.Stat(r.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	r.add(bulk, 1, 100)
	r.close()
	r.open()
	r.ship()
	r.close()
}
