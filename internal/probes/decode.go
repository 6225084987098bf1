// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"fmt"
	"unsafe"

	"sensor/internal/events"
)

// header is what every record starts with: struct header in headers/record.h.
// Each family's generated record holds the same fields.
type header struct {
	sequence uint64
	kind     events.Kind
	slot     uint32
}

// record reads the fixed part of raw, a T as bpf2go generated it, and gives the
// tails behind it. Only as many bytes as raw has are read.
func record[T any](raw []byte) (fixed T, tails []byte, err error) {
	size := int(unsafe.Sizeof(fixed))
	if len(raw) < size {
		return fixed, nil, fmt.Errorf("decode record: %d bytes, want at least %d", len(raw), size)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&fixed)), size), raw)
	return fixed, raw[size:], nil
}

// pathOf turns a path walk's components, last first and each with its NUL, into
// a path. Without the mark that says it was read the path is empty.
func pathOf(components []byte, marks uint8) events.Path {
	if marks&uint8(processPathMarkPATH_KNOWN) == 0 {
		return events.Path{}
	}
	p := events.Path{
		Name:     "/",
		Cut:      marks&uint8(processPathMarkPATH_CUT) != 0,
		Detached: marks&uint8(processPathMarkPATH_DETACHED) != 0,
		Deleted:  marks&uint8(processPathMarkPATH_DELETED) != 0,
	}
	if len(components) == 0 {
		return p
	}
	name := make([]byte, len(components))
	at := len(name)
	for i := 0; i < len(components); {
		end := i + bytes.IndexByte(components[i:], 0)
		if end < i {
			end = len(components)
		}
		at -= copy(name[at-(end-i):], components[i:end])
		at--
		if at < 0 { // the last NUL is missing
			p.Name, p.Cut = "/"+string(name), true
			return p
		}
		name[at] = '/'
		i = end + 1
	}
	p.Name = unsafe.String(&name[at], len(name)-at)
	return p
}

// kindOf is the kind of a record's number, or none if there is no such kind.
func kindOf(number uint16) events.Kind {
	if number >= uint16(events.KindCount) {
		return events.KindNone
	}
	return events.Kind(number)
}

// cString is the text before the first NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
