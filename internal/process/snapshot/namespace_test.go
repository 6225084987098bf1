// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestNamespaceOfProc(t *testing.T) {
	tests := map[string]struct {
		self    uint32
		change  func(f *fake)
		refused bool
	}{
		"initial":                      {self: 42},
		"initial, kernel is silent":    {},
		"kernel says another pid":      {self: 43, refused: true},
		"not mounted for this process": {self: 42, change: func(f *fake) { os.Remove(f.path("self")) }, refused: true},
		"self is no pid":               {self: 42, change: func(f *fake) { f.link("self", "sh") }, refused: true},

		"own namespace, kernel is silent":  {change: own, refused: true},
		"own namespace, init unreadable":   {self: 42, change: own},
		"own namespace, init is the hosts": {change: func(f *fake) { own(f); f.link("1/ns/pid", "pid:[4026531836]") }},
		"same pid by chance": {self: 42, refused: true,
			change: func(f *fake) { own(f); f.link("1/ns/pid", "pid:[4026532500]") }},

		"in a time namespace":       {self: 42, change: func(f *fake) { offset(f, "-86400 10000000") }},
		"before time namespaces":    {self: 42, change: func(f *fake) { os.Remove(f.path("42/timens_offsets")) }},
		"offset not in whole ticks": {self: 42, change: func(f *fake) { offset(f, "1 5") }, refused: true},
		"only the children are in another time": {self: 42, refused: true,
			change: func(f *fake) { f.link("42/ns/time_for_children", "time:[4026532501]") }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if test.change != nil {
				test.change(f)
			}
			r, err := New(Options{Root: f.root, Self: test.self})
			if errors.Is(err, ErrNamespace) != test.refused || (r == nil) != test.refused {
				t.Errorf("New = %v, %v; want refused %v", r, err, test.refused)
			}
		})
	}
}

func own(f *fake)                 { f.link("42/ns/pid", "pid:[4026532500]") }
func offset(f *fake, text string) { f.file("42/timens_offsets", "monotonic 1 2\nboottime "+text+"\n") }

func TestNoProc(t *testing.T) {
	if r, err := New(Options{Root: t.TempDir() + "/none"}); err == nil || r != nil {
		t.Errorf("New = %v, %v", r, err)
	}
}

func TestMalformedOffsets(t *testing.T) {
	for _, text := range []string{"", "monotonic 0 0\n", "boottime 0\n", "boottime x 0\n", "boottime 0 x\n", "boottime 9999999999999 0\n", "boottime 0 9999999999999\n"} {
		f := newFake(t)
		f.file("42/timens_offsets", text)
		if r, err := New(Options{Root: f.root}); err == nil || r != nil {
			t.Errorf("New with %q = %v, %v", text, r, err)
		}
	}
}

// In a time namespace /proc shows start times with its offset added, below 0 as huge numbers.
func TestStartInTimeNamespace(t *testing.T) {
	tests := []struct {
		seconds string
		shown   uint64 // ticks
		want    uint64 // ns since boot
		ok      bool
	}{
		{"0 0", 5, 5 * tick, true},
		{"0 0", 0, 0, true},
		{"86400 0", 86400*100 + 5, 5 * tick, true},
		{"86400 0", 86400 * 100, 0, true},
		{"86400 0", 86400*100 - 1, 0, false},
		{"-86400 0", 5, 86400*1e9 + 5*tick, true},
		{"-86400 0", (1<<64 - 5_000_000_000) / tick, 0, false},
		{"0 0", 1<<64 - 1, 0, false},
	}
	for _, test := range tests {
		f := newFake(t)
		offset(f, test.seconds)
		s := shell()
		s.start = test.shown
		f.file(f.process(7, s)+"/cmdline", "sh\x00")
		r := f.reader()
		p, err := r.Process(7)
		if err != nil {
			t.Fatal(err)
		}
		if p.StartKey != test.want || p.Start.IsZero() == test.ok {
			t.Errorf("offset %s, %d shown: StartKey %d, Start %v; want %d, known %v", test.seconds, test.shown, p.StartKey, p.Start, test.want, test.ok)
		}
		if _, ok := r.Cmdline(7, test.want+1); ok != test.ok {
			t.Errorf("offset %s, %d shown: Cmdline(%d) ok = %v, want %v", test.seconds, test.shown, test.want+1, ok, test.ok)
		}
	}
}

func TestParseNamespace(t *testing.T) {
	tests := map[string]uint32{
		"mnt:[4026531841]": 4026531841,
		"":                 0,
		"mnt:[":            0,
		"mnt:[12":          0,
		"mnt:[-1]":         0,
		"mnt:[4294967296]": 0,
		"mnt:12":           0,
		"[4026531841]":     0,
	}
	for link, want := range tests {
		if got := ParseNamespace(link); got != want {
			t.Errorf("ParseNamespace(%q) = %d, want %d", link, got, want)
		}
	}
}

// Ids and cgroups of another namespace are not the initial one's: absent, not wrong.
func TestOtherNamespacesHideWhatTheyChange(t *testing.T) {
	f := newFake(t)
	f.file(f.process(7, shell())+"/cgroup", "0::/system.slice\n")
	whole, err := f.reader().Process(7)
	if err != nil {
		t.Fatal(err)
	}
	f.link("42/ns/user", "user:[4026532500]")
	f.link("42/ns/cgroup", "cgroup:[4026532501]")
	partial, err := f.reader().Process(7)
	if err != nil {
		t.Fatal(err)
	}
	if !whole.Credentials.Known || partial.Credentials.Known {
		t.Errorf("credentials known: %v in the initial user namespace, %v in another", whole.Credentials.Known, partial.Credentials.Known)
	}
	if !strings.HasPrefix(whole.Cgroup.Path, "/system") || partial.Cgroup.Path != "" {
		t.Errorf("cgroup: %q in the initial cgroup namespace, %q in another", whole.Cgroup.Path, partial.Cgroup.Path)
	}
}
