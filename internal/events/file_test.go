// SPDX-License-Identifier: Apache-2.0

package events

import (
	"testing"
	"unsafe"
)

func TestFileMemory(t *testing.T) {
	f := &File{Path: Path{Name: "/new"}, Original: Path{Name: "/before"}, Target: "to"}
	got := (&Event{File: f}).Size() - (&Event{}).Size()
	if want := int(unsafe.Sizeof(*f)) + len("/new/beforeto"); got < want {
		t.Errorf("counted as %d bytes, want at least %d", got, want)
	}
}

func TestFileTypeNames(t *testing.T) {
	names := map[string]bool{}
	for kind := FileTypeRegular; kind <= FileTypeSymlink; kind++ {
		if name := kind.String(); name == "" || names[name] {
			t.Errorf("type %d is called %q", kind, name)
		} else {
			names[name] = true
		}
	}
	for _, kind := range []FileType{FileTypeUnknown, FileTypeSymlink + 1, 255} {
		if name := kind.String(); name != "" {
			t.Errorf("type %d is called %s", kind, name)
		}
	}
}
