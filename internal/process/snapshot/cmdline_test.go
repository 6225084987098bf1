// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const shellStart = 1234 * tick // when shell() started

func TestCmdline(t *testing.T) {
	long := strings.Repeat("x", maxArgs)
	tests := map[string]struct{ content, want string }{
		"vector":             {"ls\x00-l\x00", "ls\x00-l\x00"},
		"empty arguments":    {"\x00ls\x00\x00\x00", "\x00ls\x00\x00\x00"},
		"newline, not UTF-8": {"a\nb\x00\xff\xfe\x00", "a\nb\x00\xff\xfe\x00"},
		"title without NUL":  {"nginx: master", "nginx: master\x00"},
		"just fits":          {long[1:] + "\x00", long[1:] + "\x00"},
		"one byte too long":  {long + "\x00", long},
		"cut after a NUL":    {long[1:] + "\x00b\x00", long[1:]},
		"cut after NULs":     {"sh\x00" + strings.Repeat("\x00", maxArgs), "sh"},
		"much too long":      {long + long, long},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.file(f.process(7, shell())+"/cmdline", test.content)
			got, ok := f.reader().Cmdline(7, shellStart)
			if !ok || got != test.want {
				t.Errorf("Cmdline = %.50q (%d bytes), %v; want %.50q (%d bytes)", got, len(got), ok, test.want, len(test.want))
			}
		})
	}
}

func TestCmdlineOfTheProcessThatStartedThen(t *testing.T) {
	f := newFake(t)
	f.file(f.process(7, shell())+"/cmdline", "sh\x00")
	r := f.reader()
	tests := []struct {
		pid   uint32
		start uint64
		want  bool
	}{
		{7, shellStart, true},
		{7, shellStart + tick - 1, true},
		{7, shellStart - 1, false},
		{7, shellStart + tick, false},
		{7, 0, false},
		{8, shellStart, false},
		{0, shellStart, false},
		{events.Unset, shellStart, false},
	}
	for _, test := range tests {
		if _, ok := r.Cmdline(test.pid, test.start); ok != test.want {
			t.Errorf("Cmdline(%d, %d) ok = %v, want %v", test.pid, test.start, ok, test.want)
		}
	}
}

func TestCmdlineOfNone(t *testing.T) {
	zombie := shell()
	zombie.state = "Z"
	tests := map[string]func(f *fake){
		"kernel thread": func(f *fake) { f.file(f.process(7, shell())+"/cmdline", "") },
		"no file":       func(f *fake) { f.process(7, shell()) },
		"zombie":        func(f *fake) { f.file(f.process(7, zombie)+"/cmdline", "sh\x00") },
		"empty stat":    func(f *fake) { f.file("7/stat", ""); f.file("7/cmdline", "sh\x00") },
		"stat that ends after the name": func(f *fake) {
			f.file("7/stat", "7 (sh)")
			f.file("7/cmdline", "sh\x00")
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			prepare(f)
			if got, ok := f.reader().Cmdline(7, shellStart); ok || got != "" {
				t.Errorf("Cmdline = %q, %v; want nothing", got, ok)
			}
		})
	}
}

// The pid is given away between the two looks at the start time: the test holds
// the reader up with a FIFO in the place of cmdline.
func TestCmdlineOfAPidGivenAwayMeanwhile(t *testing.T) {
	for _, successor := range []uint64{1234, 1235} {
		f := newFake(t)
		f.process(7, shell())
		fifo := f.path("7/cmdline")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		r := f.reader()
		done := make(chan bool)
		go func() {
			_, ok := r.Cmdline(7, shellStart)
			done <- ok
		}()
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the reader has opened it
		if err != nil {
			t.Fatal(err)
		}
		next := shell()
		next.start = successor
		f.process(7, next)
		w.WriteString("sh\x00")
		w.Close()
		if ok, want := <-done, successor == 1234; ok != want {
			t.Errorf("successor started at tick %d: ok = %v, want %v", successor, ok, want)
		}
	}
}

// A process whose first thread has ended is read through another one.
func TestCmdlineWithoutLeader(t *testing.T) {
	f := newFake(t)
	s := shell()
	s.state, s.threads = "Z", 2
	f.file(f.process(7, s)+"/cmdline", "")
	f.file("7/task/7/cmdline", "")
	f.file("7/task/9/cmdline", "sh\x00")
	if got, ok := f.reader().Cmdline(7, shellStart); !ok || got != "sh\x00" {
		t.Errorf("Cmdline = %q, %v", got, ok)
	}
}

func TestArgsOf(t *testing.T) {
	tests := map[string]events.Args{
		"":             {},
		"a\x00":        {Packed: "a\x00", Count: 1},
		"\x00":         {Packed: "\x00", Count: 1},
		"a\x00\x00":    {Packed: "a\x00\x00", Count: 2},
		"a\x00b":       {Packed: "a\x00b", Cut: true},
		"a b\x00c\x00": {Packed: "a b\x00c\x00", Count: 2},
	}
	for packed, want := range tests {
		got := argsOf(packed)
		if got != want {
			t.Errorf("argsOf(%q) = %+v, want %+v", packed, got, want)
		}
		if n := len(slices.Collect(got.All())); !got.Cut && n != got.Count {
			t.Errorf("argsOf(%q): All gives %d strings, Count says %d", packed, n, got.Count)
		}
	}
}
