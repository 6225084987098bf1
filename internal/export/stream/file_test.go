// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func TestFileIsPrivate(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	path := filepath.Join(t.TempDir(), "out")
	s, err := File(path, encode, Rotation{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("got mode %v, want 0600", info.Mode())
	}
}

func TestFileAppends(t *testing.T) {
	for _, test := range []struct{ name, before, want string }{
		{"new", "", "00\n01\n"},
		{"whole lines", "a\nb\n", "a\nb\n00\n01\n"},
		{"torn last line", "a\nb", "a\nb\n00\n01\n"},
		{"torn first line", "b", "b\n00\n01\n"},
		{"only a newline", "\n", "\n00\n01\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			if test.before != "" {
				if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := File(path, encode, Rotation{}, quiet())
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				if n, err := s.Write(context.Background(), batch(i, 1, 2)); n != 1 || err != nil {
					t.Fatalf("wrote %d, error %v", n, err)
				}
			}
			if err := s.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); string(got) != test.want || err != nil {
				t.Errorf("got %q, want %q, error %v", got, test.want, err)
			}
		})
	}
}

// Two writers on one file do not overwrite each other.
func TestFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var sinks [2]*Sink
	for i := range sinks {
		s, err := File(path, encode, Rotation{}, quiet())
		if err != nil {
			t.Fatal(err)
		}
		sinks[i] = closing(t, s)
	}
	for i := range 10 {
		if n, err := sinks[i%2].Write(context.Background(), batch(i, 1, 5)); n != 1 || err != nil {
			t.Fatalf("wrote %d, error %v", n, err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if rest := checkLines(t, got, 10, 5); len(rest) > 0 {
		t.Errorf("and then %q", rest)
	}
}

// However a write is cut, the count is that of the lines in the file, and the
// next write begins a line of its own.
func TestFileCut(t *testing.T) {
	const length = 10
	for _, before := range []string{"", "torn"} {
		lead := len(before) // and a newline before what follows it
		if lead > 0 {
			lead++
		}
		for room := range 2*(length+1) + 2 {
			t.Run(fmt.Sprintf("%q and %d bytes", before, room), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "out")
				if before != "" {
					if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				n := max(0, room+len(before)-lead+1) / (length + 1) // the last may lack its newline
				said, err := as(t, fmt.Sprintf("limited %d %s", len(before)+room, path), nil)
				if want := fmt.Sprintf("%d, EFBIG true, then %d, <nil>", n, 10-n); said != want || err != nil {
					t.Errorf("got %s (%v), want %s", said, err, want)
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var whole int
				for i, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
					switch {
					case l == line(whole, length):
						whole++
					case i == 0 && l == before:
					case strings.HasPrefix(line(n, length), l) && whole == n: // what was torn
					default:
						t.Errorf("line %d is %q", i, l)
					}
				}
				if whole != 10 {
					t.Errorf("%d lines are whole, want 10: %q", whole, text)
				}
			})
		}
	}
}

func TestFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	file, err := File("/dev/full", encode, Rotation{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sink{"file": file, "stdout": inherited("stdout", full, encode)} {
		closing(t, s)
		for range 2 {
			n, err := s.Write(context.Background(), batch(0, 5, 10))
			if n != 0 || !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "write to "+name) {
				t.Errorf("%s: wrote %d, error %v; want 0, ENOSPC", name, n, err)
			}
		}
	}
}

func TestNull(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := File(os.DevNull, encode, Rotation{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sink{"file": file, "stdout": inherited("stdout", null, encode)} {
		closing(t, s)
		if n, err := s.Write(context.Background(), batch(0, 5, 10)); n != 5 || err != nil {
			t.Errorf("%s: wrote %d, error %v", name, n, err)
		}
	}
}

func TestFileRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		dir:                              unix.EISDIR,
		filepath.Join(dir, "no", "such"): fs.ErrNotExist,
		fifo:                             unix.ENXIO, // nobody reads it: not waited for
	} {
		s, err := File(path, encode, Rotation{}, quiet())
		if err == nil {
			s.Close(context.Background())
		}
		if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "open output: ") {
			t.Errorf("%s: got error %v, want %v", path, err, want)
		}
	}
}

// A file named on the command line may be a FIFO whose reader has stopped reading.
func TestFileFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := File(path, encode, Rotation{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		awaitFull(t, r, pipeSize)
		cancel(errTest)
	}()
	list := batch(0, 1<<14, 99)
	n, err := s.Write(ctx, list)
	if n == 0 || n == len(list) || !errors.Is(err, errTest) {
		t.Errorf("wrote %d of %d, error %v; want a part and the cause", n, len(list), err)
	}
}

var errTest = errors.New("the test has seen enough")

var _ events.Sink = (*Sink)(nil)
