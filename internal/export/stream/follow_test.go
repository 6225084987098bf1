// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever moves or removes the file, or cuts it, is followed: nothing is
// written where nobody looks, and nothing is lost.
func TestFollow(t *testing.T) {
	for _, test := range []struct {
		name  string
		do    func(path string) error
		other string // what stands in the file that was moved away
		want  string
	}{
		{"moved", func(path string) error { return os.Rename(path, path+".1") }, "00000\n", "00001\n00002\n"},
		{"moved, and made anew", func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, []byte("x\n"), 0o644))
		}, "00000\n", "x\n00001\n00002\n"},
		{"moved, and made anew with a torn line", func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, []byte("x"), 0o644))
		}, "00000\n", "x\n00001\n00002\n"},
		{"removed", os.Remove, "", "00001\n00002\n"},
		{"copied and truncated", func(path string) error {
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+".1", text, 0o600), os.Truncate(path, 0))
		}, "00000\n", "00001\n00002\n"},
		{"another file moved there", func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path+".2", nil, 0o600), os.Rename(path+".2", path))
		}, "00000\n", "00001\n00002\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			var said said
			s := opened(t, path, Rotation{}, &said)
			writeAll(t, s, 0, 1, 5)
			if err := test.do(path); err != nil {
				t.Fatal(err)
			}
			writeAll(t, s, 1, 1, 5)
			writeAll(t, s, 2, 1, 5)
			if got := content(t, []string{path}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.other != "" && content(t, []string{path + ".1"}) != test.other {
				t.Errorf("moved away %q, want %q", content(t, []string{path + ".1"}), test.other)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("got mode %v, error %v", info.Mode(), err)
			}
			said.check(t)
		})
	}
}

// A file that was cut in the middle of its torn line begins with a line of its own.
func TestFollowTruncatedTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := opened(t, path, Rotation{}, &said{})
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 0, 1, 5)
	if got := content(t, []string{path}); got != "00000\n" {
		t.Errorf("got %q", got)
	}
}

// Where no file can be made, writing goes on in the one that was moved away, as
// long as that is anywhere.
func TestFollowRefused(t *testing.T) {
	for name, inTheWay := range map[string]func(path string) error{
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"FIFO":          func(path string) error { return unix.Mkfifo(path, 0o600) },
		"symbolic link": func(path string) error { return os.Symlink(path+".elsewhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			var said said
			s := opened(t, path, Rotation{Bytes: 10}, &said)
			writeAll(t, s, 0, 1, 5)
			if err := errors.Join(os.Rename(path, path+".1"), inTheWay(path)); err != nil {
				t.Fatal(err)
			}
			writeAll(t, s, 1, 1, 5)
			writeAll(t, s, 2, 5, 5)
			said.check(t, "the output file was moved away")
			if got := content(t, []string{path + ".1"}); len(checkLines(t, []byte(got), 7, 5)) > 0 {
				t.Errorf("got %q", got)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			writeAll(t, s, 7, 1, 5)
			said.check(t, "the output file is a new one again")
			if got := content(t, []string{path}); got != "00007\n" {
				t.Errorf("got %q", got)
			}
			if _, err := os.Lstat(path + ".elsewhere"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the link was followed: %v", err)
			}
		})
	}
}

// What nobody could read any more does not count as delivered.
func TestFollowNowhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := opened(t, filepath.Join(dir, "out"), Rotation{}, &said{})
	writeAll(t, s, 0, 1, 5)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Write(context.Background(), batch(1, 5, 5)); n != 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("wrote %d, error %v", n, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 1, 1, 5)
	if got := content(t, []string{filepath.Join(dir, "out")}); got != "00001\n" {
		t.Errorf("got %q", got)
	}
}

// The age is that of the file that has the name.
func TestFollowAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		s := opened(t, path, Rotation{Age: time.Hour}, &said{})
		writeAll(t, s, 0, 1, 5)
		time.Sleep(time.Hour)
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		writeAll(t, s, 1, 1, 5)
		time.Sleep(time.Hour - 1)
		writeAll(t, s, 2, 1, 5)
		if got := content(t, rotated(t, path)); got != "00001\n00002\n" || len(rotated(t, path)) != 1 {
			t.Errorf("got %q in %q", got, rotated(t, path))
		}
	})
}
