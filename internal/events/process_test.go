// SPDX-License-Identifier: Apache-2.0

package events

import (
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestArgs(t *testing.T) {
	for _, test := range []struct {
		name string
		args Args
		want []string
		len  int
	}{
		{"none", Args{}, nil, 0},
		{"one", Args{Packed: "ls\x00"}, []string{"ls"}, 1},
		{"several", Args{Packed: "ls\x00-l\x00/\x00", Count: 3}, []string{"ls", "-l", "/"}, 3},
		{"only an empty one", Args{Packed: "\x00", Count: 1}, []string{""}, 1},
		{"only empty ones", Args{Packed: "\x00\x00\x00"}, []string{"", "", ""}, 3},
		{"empty first", Args{Packed: "\x00-x\x00"}, []string{"", "-x"}, 2},
		{"empty between", Args{Packed: "a\x00\x00b\x00"}, []string{"a", "", "b"}, 3},
		{"empty last", Args{Packed: "a\x00\x00"}, []string{"a", ""}, 2},
		{"cut in an argument", Args{Packed: "a\x00bc", Count: 9, Cut: true}, []string{"a", "bc"}, 9},
		{"cut in an argument, count unknown", Args{Packed: "a\x00bc", Cut: true}, []string{"a", "bc"}, 0},
		{"cut between arguments", Args{Packed: "a\x00", Count: 9, Cut: true}, []string{"a"}, 9},
		{"cut in the first", Args{Packed: "a", Cut: true}, []string{"a"}, 0},
		{"all cut away", Args{Count: 4, Cut: true}, nil, 4},
		{"spaces and newlines", Args{Packed: "a b\x00c\nd\x00"}, []string{"a b", "c\nd"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slices.Collect(test.args.All()); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := test.args.Len(); got != test.len {
				t.Errorf("got length %d, want %d", got, test.len)
			}
		})
	}
}

func TestArgsStop(t *testing.T) {
	n := 0
	for range (Args{Packed: "a\x00b\x00c\x00"}).All() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("went on to %d", n)
	}
}

// Whatever the strings are, packing them and iterating gives them back.
func FuzzArgs(f *testing.F) {
	f.Add("a|b||c", true)
	f.Add("", false)
	f.Add("|", true)
	f.Fuzz(func(t *testing.T, list string, closed bool) {
		list = strings.ReplaceAll(list, "\x00", "")
		want := strings.Split(list, "|")
		packed := strings.Join(want, "\x00")
		if closed || want[len(want)-1] == "" {
			packed += "\x00"
		}
		a := Args{Packed: packed}
		if got := slices.Collect(a.All()); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", packed, got, want)
		}
		if a.Len() != len(want) {
			t.Errorf("%q: got length %d, want %d", packed, a.Len(), len(want))
		}
	})
}

func TestPathBase(t *testing.T) {
	for name, want := range map[string]string{
		"/usr/bin/ls": "ls", "/": "", "": "", "ls": "ls", "/a/b/": "", "//x": "x", "/a b\n": "a b\n", "/memfd:x": "memfd:x",
	} {
		if got := (Path{Name: name}).Base(); got != want {
			t.Errorf("base of %q: got %q, want %q", name, got, want)
		}
	}
}

func TestProcessSize(t *testing.T) {
	small := &Process{}
	for name, big := range map[string]*Process{
		"arguments":         {Args: Args{Packed: strings.Repeat("a", 1000)}},
		"environment":       {Env: Args{Packed: strings.Repeat("a", 1000)}},
		"executable":        {Executable: Path{Name: strings.Repeat("a", 1000)}},
		"filename":          {Filename: Path{Name: strings.Repeat("a", 1000)}},
		"working directory": {WorkingDirectory: Path{Name: strings.Repeat("a", 1000)}},
		"cgroup":            {Cgroup: Cgroup{Path: strings.Repeat("a", 1000)}},
		"groups":            {Credentials: Credentials{Groups: make([]Group, 64)}},
	} {
		least := 1000
		if name == "groups" {
			least = 64 * int(unsafe.Sizeof(Group{}))
		}
		if got := big.Size() - small.Size(); got < least {
			t.Errorf("%s: counted as %d bytes, want at least %d", name, got, least)
		}
	}
	attempt := &Event{Attempt: &Attempt{Filename: strings.Repeat("a", 1000), Args: Args{Packed: strings.Repeat("a", 1000)}}}
	if n := attempt.Size() - (&Event{}).Size(); n < 2000 {
		t.Errorf("an attempt is counted as %d bytes, want at least 2000", n)
	}
	if (&Event{}).Size() <= 0 || (&Event{Process: small}).Size() <= small.Size() {
		t.Error("an event costs nothing")
	}
}

func TestFragment(t *testing.T) {
	p := &Process{}
	if f := p.Fragment(); f != nil {
		t.Errorf("got %v before anything was kept", f)
	}
	p.SetFragment("a")
	p.SetFragment("b")
	if f := p.Fragment(); f != "b" {
		t.Errorf("got %v, want the last", f)
	}
}
