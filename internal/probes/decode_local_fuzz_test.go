// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"testing"
	"unsafe"
)

// FuzzDecodeLocal is FuzzDecodeProcess for the record of AF_UNIX and vsock.
func FuzzDecodeLocal(f *testing.F) {
	for _, kind := range localKinds() {
		r := fullLocal(kind)
		f.Add(encodeLocal(&r))
		for _, flags := range []uint16{0, ^uint16(0)} {
			r.Flags, r.Error, r.Local.Length, r.Remote.Cid = flags, ^uint32(0), ^uint32(0), ^uint32(0)
			f.Add(encodeLocal(&r))
		}
		f.Add(encodeLocal(&r)[:localSize-1])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkLocal(t, raw)
		if len(raw) >= localSize { // most inputs fail at their length alone
			raw = raw[:localSize]
			*(*uint32)(unsafe.Pointer(&raw[lengthOffset])) = uint32(localSize)
			checkLocal(t, raw)
		}
	})
}

func checkLocal(t *testing.T, raw []byte) {
	t.Helper()
	e, h := checkDecode(t, decodeLocal, raw, nil)
	if e == nil {
		return
	}
	if e.Kind != h.kind || e.Process == nil || e.Local == nil || e.Local.Transport.String() == "" {
		t.Fatalf("kind %v, process %+v, local %+v", e.Kind, e.Process, e.Local)
	}
	if e.Network != nil || e.End != nil || e.Attempt != nil || e.Loss != nil {
		t.Errorf("sections of other kinds: %+v", e)
	}
	for _, end := range [2]int{len(e.Local.Source.Address), len(e.Local.Destination.Address)} {
		if end > 108 {
			t.Errorf("an address of %d bytes", end)
		}
	}
}
