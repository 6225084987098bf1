// SPDX-License-Identifier: Apache-2.0

package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

func newReader(t *testing.T, most, rate int64) *Reader {
	t.Helper()
	set, err := hashes.New([]string{"sha256"})
	if err != nil {
		t.Fatal(err)
	}
	return New(set, most, rate)
}

func write(t *testing.T, path string, content []byte) tree.Status {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return stat(t, path)
}

func stat(t *testing.T, path string) tree.Status {
	t.Helper()
	st, err := tree.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := bytes.Repeat([]byte("0123456789"), 50_000)
	want := write(t, path, content)
	var before, after unix.Stat_t
	if err := unix.Stat(path, &before); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, 1<<20, 0)
	for range 2 { // the second does not go on where the first ended
		sum, st, err := r.Sum(t.Context(), path, want)
		if err != nil {
			t.Fatal(err)
		}
		if expected := sha256.Sum256(content); sum != string(expected[:]) || st != want {
			t.Errorf("%x, %+v", sum, st)
		}
	}
	if err := unix.Stat(path, &after); err != nil {
		t.Fatal(err)
	}
	if before.Atim != after.Atim {
		t.Error("reading left a trace")
	}
}

// What is no regular file, or no more the same one, is not opened.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	want := write(t, path, []byte("x"))
	r := newReader(t, 10, 0)
	link, fifo, other := filepath.Join(dir, "link"), filepath.Join(dir, "fifo"), filepath.Join(dir, "other")
	if err := errors.Join(os.Symlink(path, link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	write(t, other, []byte("y"))
	for _, path := range []string{link, fifo, other, dir} {
		if _, _, err := r.Sum(t.Context(), path, want); !errors.Is(err, ErrReplaced) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// Not even if it is what was expected: nobody may wait for a writer.
	if _, _, err := r.Sum(t.Context(), fifo, stat(t, fifo)); !errors.Is(err, ErrReplaced) {
		t.Errorf("fifo: %v", err)
	}
	if _, _, err := r.Sum(t.Context(), filepath.Join(dir, "none"), want); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	large := write(t, other, make([]byte, 11))
	if _, _, err := r.Sum(t.Context(), other, large); !errors.Is(err, ErrLarge) {
		t.Errorf("large: %v", err)
	}
}

// A file that is written while it is read has the hash of no moment: it is read
// again, and given up if that does not end.
func TestChanging(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := write(t, path, make([]byte, 1<<20))
	r := newReader(t, 0, 8<<20) // an eighth of a second
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			done <- err
			return
		}
		defer f.Close()
		for i := byte(0); ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := f.WriteAt([]byte{i}, 0); err != nil {
				done <- err
				return
			}
		}
	}()
	_, _, err := r.Sum(t.Context(), path, want)
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, ErrChanging) {
		t.Errorf("%v", err)
	}
	if _, _, err := r.Sum(t.Context(), path, want); err != nil {
		t.Errorf("at rest: %v", err)
	}
}

// Reading is never faster than allowed, over several files too, and ends with its context.
func TestRate(t *testing.T) {
	dir := t.TempDir()
	const size, rate = 256 << 10, 2 << 20
	r := newReader(t, 0, rate)
	begin := time.Now()
	for _, name := range []string{"a", "b", "c", "d"} {
		path := filepath.Join(dir, name)
		if _, _, err := r.Sum(t.Context(), path, write(t, path, make([]byte, size))); err != nil {
			t.Fatal(err)
		}
	}
	if took, least := time.Since(begin), 4*size*time.Second/rate-slack; took < least {
		t.Errorf("took %s, not %s", took, least)
	}
	r = newReader(t, 0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(dir, "a")
	if _, _, err := r.Sum(ctx, path, stat(t, path)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
