// SPDX-License-Identifier: Apache-2.0

package users

import (
	"bytes"
	"maps"
	"strconv"
	"strings"
	"testing"

	"sensor/internal/events"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("n", maxName)
	tests := map[string]struct {
		text string
		want map[uint32]string
	}{
		"nothing":                 {"", map[uint32]string{}},
		"ordinary":                {"root:x:0:0:root:/root:/bin/bash\nbin:*:1:1::/bin:\n", map[uint32]string{0: "root", 1: "bin"}},
		"no newline at the end":   {"root:x:0:0", map[uint32]string{0: "root"}},
		"carriage return":         {"root:x:0:0\r\n", map[uint32]string{0: "root"}},
		"the first of two counts": {"root:x:0:0\ntoor:x:0:0\n", map[uint32]string{0: "root"}},
		"malformed before a good": {":x:0:0\nroot:x:0\nroot:x:x:0\nroot:x:0:x\nroot\nroot:x::0\nr:x: 0:0\nr:x:-1:0\nr:x:+1:0\nroot:x:0:0\n", map[uint32]string{0: "root"}},
		"too large an id":         {"a:x:4294967296:0\nb:x:18446744073709551616:0\n", map[uint32]string{}},
		"the largest id, unset":   {"a:x:4294967294:0\nb:x:4294967295:0\n", map[uint32]string{events.Unset - 1: "a"}},
		"comments, NIS":           {"#a:x:1:1\n  #b:x:2:2\n+c:x:3:3\n-d:x:4:4\n+::::::\n\n \n", map[uint32]string{}},
		"space before the name":   {" \ta:x:1:1\n", map[uint32]string{1: "a"}},
		"not UTF-8, NUL":          {"\xff\xfe:x:1:1\na\x00b:x:2:2\n", map[uint32]string{1: "\xff\xfe", 2: "a\x00b"}},
		"the longest name":        {long + ":x:1:1\n" + long + "n:x:2:2\n", map[uint32]string{1: long}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, cut := parse([]byte(test.text), 4)
			if !maps.Equal(got, test.want) || cut {
				t.Errorf("parse = %v, %v; want %v", got, cut, test.want)
			}
		})
	}
}

func TestParseGroup(t *testing.T) {
	members := strings.Repeat("somebody,", 100_000)
	got, cut := parse([]byte("wheel:x:10:"+members+"\nusers:x:100\nbad:x\nbad:x:\n"), 3)
	if want := map[uint32]string{10: "wheel", 100: "users"}; !maps.Equal(got, want) || cut {
		t.Errorf("parse = %v, %v; want %v", got, cut, want)
	}
}

func TestHugeFiles(t *testing.T) {
	line := "u:x:1:1:" + strings.Repeat("g", 1000) + "\n"
	text := strings.Repeat(line, maxFile/len(line)) // some bytes short of maxFile
	h := newHost(t, text+strings.Repeat("#", maxFile-len(text)-1)+"\nlate:x:2:2\n", "g:x:1:\n")
	u := h.users()
	if want := "u,,,,g,,,,,,"; names(u) != want {
		t.Errorf("a file too large: names %s, want %s", names(u), want)
	}
	if err := u.Err(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a file too large: Err = %v", err)
	}

	h.write("passwd", strings.Repeat("x", 2*maxFile))
	if u := h.users(); u.Err() == nil || len(u.users.names) != 0 {
		t.Errorf("one line too large: %v, %v", u.users.names, u.Err())
	}

	var many bytes.Buffer
	for i := range maxNames + 1 {
		many.WriteString("u:x:")
		many.WriteString(strconv.Itoa(i))
		many.WriteString(":1\n")
	}
	got, cut := parse(many.Bytes(), 4)
	if len(got) != maxNames || !cut {
		t.Errorf("%d names, cut %v; want %d", len(got), cut, maxNames)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(passwd), 4)
	f.Add([]byte(group), 3)
	f.Add([]byte("+::::::\n#\n:::\n\r\n\xff:x:4294967295:0"), 4)
	f.Fuzz(func(t *testing.T, text []byte, fields int) {
		if fields != 3 {
			fields = 4
		}
		got, _ := parse(text, fields)
		for id, name := range got {
			if id == events.Unset || name == "" || len(name) > maxName || strings.ContainsAny(name, ":\n") || !bytes.Contains(text, []byte(name)) {
				t.Errorf("parse(%q): id %d is named %q", text, id, name)
			}
		}
		// What follows changes nothing of what came first.
		again, _ := parse(append(bytes.Clone(text), "\nlast:x:7:7:\n"...), fields)
		for id, name := range got {
			if again[id] != name {
				t.Errorf("parse(%q): id %d was %q, with a line behind it %q", text, id, name, again[id])
			}
		}
	})
}
