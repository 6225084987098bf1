// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// opened is a sink on the file whose log goes to said.
func opened(t *testing.T, path string, rotation Rotation, said *said) *Sink {
	t.Helper()
	s, err := File(path, encode, rotation, said.logger())
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, s)
}

// writeAll writes lines from first on, of which each is to be taken.
func writeAll(t *testing.T, s *Sink, first, count, length int) {
	t.Helper()
	if n, err := s.Write(context.Background(), batch(first, count, length)); n != count || err != nil {
		t.Fatalf("wrote %d of %d, error %v", n, count, err)
	}
}

// rotated are the files that were path once, the oldest first, and then path itself.
func rotated(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob(path + ".*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if _, err := os.Stat(path); err == nil {
		files = append(files, path)
	}
	return files
}

// content is what stands in the files, one after the other.
func content(t *testing.T, files []string) string {
	t.Helper()
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// endless writes to a file that is rotated, and says how many lines were taken,
// until it is killed. The lines tell the run.
func endless(argument string) {
	var path, run string
	if _, err := fmt.Sscan(argument, &path, &run); err != nil {
		panic(err)
	}
	s, err := File(path, func(b []byte, e *events.Event) []byte { return append(append(b, run+" "...), e.Process.Name...) }, Rotation{Bytes: 500}, quiet())
	if err != nil {
		panic(err)
	}
	for first := 0; ; first += 20 {
		n, err := s.Write(context.Background(), batch(first, 20, 10))
		if n != 20 || err != nil {
			panic(fmt.Sprint(n, err))
		}
		if _, err := fmt.Println(first + n); err != nil {
			panic(err)
		}
	}
}

// smallDisk writes to a file that is rotated, on a file system that gets full and has room again.
func smallDisk(dir string) {
	if err := unix.Mount("test", dir, "tmpfs", 0, "size=64k"); err != nil {
		fmt.Fprint(os.Stderr, "no mount: ", err)
		return
	}
	path := filepath.Join(dir, "out")
	s, err := File(path, encode, Rotation{Bytes: 10_000}, quiet())
	if err != nil {
		panic(err)
	}
	taken, failed := 0, 0
	write := func() error {
		n, err := s.Write(context.Background(), batch(taken, 50, 99))
		taken += n
		return err
	}
	for err == nil {
		err = write()
	}
	if !errors.Is(err, unix.ENOSPC) {
		panic(err)
	}
	for range 5 { // it stays full
		if write() != nil {
			failed++
		}
	}
	files, err := filepath.Glob(path + ".*")
	if err != nil {
		panic(err)
	}
	slices.Sort(files)
	var kept strings.Builder
	keep := func(file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		kept.Write(text)
	}
	keep(files[0])
	if err := os.Remove(files[0]); err != nil {
		panic(err)
	}
	again := write()
	files, err = filepath.Glob(path + ".*")
	if err != nil {
		panic(err)
	}
	slices.Sort(files)
	for _, file := range append(files, path) {
		keep(file)
	}
	whole := 0
	for l := range strings.Lines(kept.String()) {
		if l == line(whole, 99)+"\n" {
			whole++
		} else if rest := strings.TrimSuffix(l, "\n"); !strings.HasPrefix(line(whole, 99), rest) {
			panic(fmt.Sprintf("%q stands behind line %d", l, whole))
		}
	}
	fmt.Fprintf(os.Stderr, "%d of %d, %d failed, %v, %d files", whole, taken, failed, again, len(files)+2)
}
