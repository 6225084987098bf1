// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

// read takes an archive apart, independently of the writer: "name mode nlink body" for each entry.
func read(t *testing.T, b []byte) []string {
	t.Helper()
	var entries []string
	off := 0
	for {
		if off%4 != 0 || len(b) < off+110 || string(b[off:off+6]) != "070701" {
			t.Fatalf("no header at %d", off)
		}
		field := func(n int) int {
			v, err := strconv.ParseUint(string(b[off+6+8*n:off+14+8*n]), 16, 32)
			if err != nil {
				t.Fatalf("field %d of the header at %d: %v", n, off, err)
			}
			return int(v)
		}
		mode, nlink, size, nameSize := field(1), field(4), field(6), field(11)
		name := string(b[off+110 : off+110+nameSize])
		if !strings.HasSuffix(name, "\x00") {
			t.Fatalf("name %q does not end with NUL", name)
		}
		name = name[:len(name)-1]
		body := (off + 110 + nameSize + 3) &^ 3
		entries = append(entries, fmt.Sprintf("%s %o %d %s", name, mode, nlink, b[body:body+size]))
		off = (body + size + 3) &^ 3
		if name == "TRAILER!!!" {
			if off != len(b) {
				t.Fatalf("%d bytes after the trailer", len(b)-off)
			}
			return entries
		}
	}
}

func TestWriter(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for _, err := range []error{
		w.Dir("d", 0o755),
		w.Dir("d/tmp", fs.ModeSticky|0o777),
		w.File("d/odd", 0o644, 3, strings.NewReader("abc")),
		w.File("d/empty", 0o600, 0, strings.NewReader("")),
		w.File("d/suid", fs.ModeSetuid|0o755, 4, strings.NewReader("four")),
		w.Symlink("link", "d/odd"),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"d 40755 2 ",
		"d/tmp 41777 2 ",
		"d/odd 100644 1 abc",
		"d/empty 100600 1 ",
		"d/suid 104755 1 four",
		"link 120777 1 d/odd",
		"TRAILER!!! 0 1 ",
	}
	if got := read(t, buf.Bytes()); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestInodesDiffer(t *testing.T) {
	var buf bytes.Buffer
	w := NewWriter(&buf)
	w.Dir("a", 0o755)
	w.Dir("b", 0o755)
	if a, b := buf.Bytes()[6:14], buf.Bytes()[112+6:112+14]; bytes.Equal(a, b) {
		t.Errorf("both entries have inode %s", a)
	}
}

func TestFileOfAnotherSize(t *testing.T) {
	for _, body := range []string{"ab", "abcd"} {
		w := NewWriter(new(bytes.Buffer))
		if err := w.File("f", 0o644, 3, strings.NewReader(body)); err == nil {
			t.Errorf("a body of %d bytes passed for 3", len(body))
		}
		if err := w.Close(); err == nil {
			t.Error("the error is forgotten at Close")
		}
	}
}
