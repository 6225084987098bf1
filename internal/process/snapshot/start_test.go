// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStart(t *testing.T) {
	f := newFake(t)
	zombie := shell()
	zombie.state, zombie.comm = "Z", "a) S 1 (b"
	f.process(7, zombie)
	r := f.reader()
	if ns, err := r.Start(7); ns != shellStart || err != nil {
		t.Errorf("Start = %d, %v; want %d", ns, err, uint64(shellStart))
	}
	if ns, err := r.Start(8); ns != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("Start of none = %d, %v; want ErrGone", ns, err)
	}
	f.file("7/stat", "7 (sh) S 1")
	if ns, err := r.Start(7); ns != 0 || err == nil || errors.Is(err, ErrGone) {
		t.Errorf("Start of half a file = %d, %v; want an error", ns, err)
	}
}

// The kernel's own files: a process agrees with Process, a thread is none.
func TestStartOfThread(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Skip(err)
	}
	self := uint32(os.Getpid())
	p, err := r.Process(self)
	if err != nil {
		t.Fatal(err)
	}
	if ns, err := r.Start(self); ns != p.StartKey || err != nil {
		t.Errorf("Start = %d, %v; want %d", ns, err, p.StartKey)
	}
	tid := make(chan int)
	quit := make(chan struct{})
	defer close(quit)
	for range 2 { // one of them may be on the first thread
		go func() {
			runtime.LockOSThread()
			tid <- unix.Gettid()
			<-quit
		}()
	}
	threads := 0
	for range 2 {
		id := <-tid
		if id == os.Getpid() {
			continue
		}
		threads++
		if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(id), "stat")); err != nil {
			t.Fatal(err)
		}
		if ns, err := r.Start(uint32(id)); ns != 0 || !errors.Is(err, ErrGone) {
			t.Errorf("Start of a thread = %d, %v; want ErrGone", ns, err)
		}
	}
	if threads == 0 {
		t.Error("no thread was tried")
	}
}

func TestLife(t *testing.T) {
	tests := map[string]struct {
		change func(*statLine)
		want   Life
	}{
		"lives":                  {func(s *statLine) { s.threads = 3 }, Life{shellStart, 3, false}},
		"ends":                   {func(s *statLine) { s.flags |= pfExiting }, Life{shellStart, 1, true}},
		"zombie":                 {func(s *statLine) { s.state = "Z" }, Life{shellStart, 1, true}},
		"lives without a leader": {func(s *statLine) { s.state, s.threads = "Z", 2 }, Life{shellStart, 2, true}},
	}
	for name, test := range tests {
		f := newFake(t)
		s := shell()
		test.change(&s)
		f.process(7, s)
		if l, err := f.reader().Life(7); l != test.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, l, err, test.want)
		}
	}
}

func FuzzParseLife(f *testing.F) {
	f.Add([]byte(shell().String()))
	f.Add([]byte("7 (sh"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		l, ticks, thread, err := parseLife(stat)
		if err != nil && (ticks != 0 || thread || l != Life{}) {
			t.Errorf("parseLife(%q): both %+v, %d and %v", stat, l, ticks, err)
		}
		if l.Threads < 0 {
			t.Errorf("parseLife(%q): %d threads", stat, l.Threads)
		}
	})
}

func BenchmarkStart(b *testing.B) {
	r, err := New(Options{})
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if _, err := r.Start(uint32(os.Getpid())); err != nil {
			b.Fatal(err)
		}
	}
}
