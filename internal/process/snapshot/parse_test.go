// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strconv"
	"strings"
	"testing"

	"sensor/internal/events"
)

func TestPathOf(t *testing.T) {
	tests := []struct {
		target, root string
		want         events.Path
	}{
		{"", "/", events.Path{}},
		{"/", "/", events.Path{Name: "/"}},
		{"/bin/sh", "/", events.Path{Name: "/bin/sh"}},
		{"/bin/sh", "", events.Path{Name: "/bin/sh"}},
		{"/bin/a (deleted)", "/", events.Path{Name: "/bin/a", Deleted: true}},
		{"/memfd:x (deleted)", "/", events.Path{Name: "/memfd:x", Deleted: true}},
		{"/jail/bin/sh", "/jail", events.Path{Name: "/bin/sh"}},
		{"/jail/bin/sh (deleted)", "/jail (deleted)", events.Path{Name: "/bin/sh", Deleted: true}},
		{"/jail", "/jail", events.Path{Name: "/"}},
		{"/jailer/bin/sh", "/jail", events.Path{Name: "/jailer/bin/sh", Detached: true}},
		{"/bin/sh", "/jail", events.Path{Name: "/bin/sh", Detached: true}},
		{"anon", "/", events.Path{Name: "anon", Detached: true}},
		{"/a\nb/\xff", "/", events.Path{Name: "/a\nb/\xff"}},
	}
	for _, test := range tests {
		if got := pathOf(test.target, test.root); got != test.want {
			t.Errorf("pathOf(%q, %q) = %+v, want %+v", test.target, test.root, got, test.want)
		}
	}
}

func TestParseStatusErrors(t *testing.T) {
	const uid, gid = "Uid:\t1\t2\t3\t4\n", "Gid:\t1\t2\t3\t4\n"
	good := "Tgid:\t7\n" + uid + gid
	if _, err := parseStatus(good); err != nil {
		t.Fatalf("parseStatus(%q): %v", good, err)
	}
	for _, text := range []string{
		"",
		uid + gid,
		"Tgid:\t7\n" + uid,
		"Tgid:\t7\n" + gid,
		"Tgid:\t-1\n" + uid + gid,
		"Tgid:\t7\nUid:\t1\t2\t3\n" + gid,
		"Tgid:\t7\nUid:\t1\t2\t3\t4294967296\n" + gid,
		good + "Groups:\tx\n",
		good + "NSpid:\t7\tx\n",
		good + "CapEff:\t10000000000000000\n",
		good + "CapAmb:\t\n",
	} {
		if s, err := parseStatus(text); err == nil {
			t.Errorf("parseStatus(%q) = %+v, want an error", text, s)
		}
	}
}

func TestManyGroups(t *testing.T) {
	for _, n := range []int{0, 1, maxGroups, maxGroups + 1, 65536} {
		var b strings.Builder
		for i := range n {
			b.WriteString(strconv.Itoa(4294901760+i) + " ")
		}
		f := newFake(t)
		f.process(7, shell())
		f.file("7/status", "Tgid:\t7\nUid:\t1\t2\t3\t4\nGid:\t1\t2\t3\t4\nGroups:\t"+b.String()+"\nCapEff:\tff\n")
		p, err := f.reader().Process(7)
		if err != nil {
			t.Fatal(err)
		}
		c := p.Credentials
		if len(c.Groups) != min(n, maxGroups) || c.GroupsCut != (n > maxGroups) || c.CapEffective != 0xff {
			t.Errorf("%d groups: got %d, cut %v, capabilities %x", n, len(c.Groups), c.GroupsCut, c.CapEffective)
		}
		if k := len(c.Groups); k > 0 && c.Groups[k-1].ID != uint32(4294901760+k-1) {
			t.Errorf("%d groups: the last one is %d", n, c.Groups[k-1].ID)
		}
	}
}

func TestReadID(t *testing.T) {
	tests := map[string]uint32{"0": 0, "1000\n": 1000, "4294967295": events.Unset, "": events.Unset, "-1": events.Unset, "x": events.Unset, "4294967296": events.Unset}
	for text, want := range tests {
		f := newFake(t)
		f.file("id", text)
		if got := readID(f.path("id")); got != want {
			t.Errorf("readID of %q = %d, want %d", text, got, want)
		}
	}
}

func TestTTYOf(t *testing.T) {
	if got := ttyOf(0); got.Known {
		t.Errorf("ttyOf(0) = %+v", got)
	}
	for _, want := range []events.TTY{{Major: 4, Minor: 1}, {Major: 136, Minor: 255}, {Major: 136, Minor: 300}, {Major: 4095, Minor: 1<<20 - 1}} {
		want.Known = true
		dev := want.Minor&0xff | want.Major<<8 | want.Minor&^0xff<<12 // new_encode_dev of include/linux/kdev_t.h
		if got := ttyOf(dev); got != want {
			t.Errorf("ttyOf(%#x) = %+v, want %+v", dev, got, want)
		}
	}
}
