// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const localSize = int(unsafe.Sizeof(networkLocalRecord{}))

// encodeLocal gives the record's bytes as they are in the ring.
func encodeLocal(r *networkLocalRecord) []byte {
	return bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(r)), localSize))
}

func unixEnd(name string) networkLocalEnd {
	e := networkLocalEnd{Cid: unix.VMADDR_CID_ANY, Port: unix.VMADDR_PORT_ANY, Length: uint32(len(name))}
	copy(e.Name[:], name)
	return e
}

// fullLocal has another value in each field, and everything that a program of the kind sends.
func fullLocal(kind events.Kind) networkLocalRecord {
	r := networkLocalRecord{Header: fullNetwork(kind).Header, Netns: 5003}
	r.Header.Length = uint32(localSize)
	r.Flags = uint16(networkFlagFLAG_EGRESS | networkFlagFLAG_OWNER | networkFlagFLAG_SUCCEEDED)
	if kind == events.KindUnixAccept || kind == events.KindVsockAccept {
		r.Flags ^= uint16(networkFlagFLAG_EGRESS | networkFlagFLAG_INGRESS)
	}
	r.Local, r.Remote = unixEnd("\x0000123"), unixEnd("/run/docker.sock\x00")
	if kind == events.KindVsockConnect || kind == events.KindVsockAccept {
		r.Local, r.Remote = networkLocalEnd{Cid: 3, Port: 1<<32 - 2}, networkLocalEnd{Cid: 2, Port: 1024}
	}
	return r
}

// localKinds are the kinds that have the local record.
func localKinds() []events.Kind {
	return []events.Kind{events.KindUnixConnect, events.KindUnixAccept, events.KindVsockConnect, events.KindVsockAccept}
}

func TestDecodeLocalGolden(t *testing.T) {
	tests := map[string]struct {
		kind   events.Kind
		change func(r *networkLocalRecord)
	}{
		"unix_connect_refused": {events.KindUnixConnect, func(r *networkLocalRecord) {
			r.Flags, r.Error = r.Flags&^outcome|uint16(networkFlagFLAG_FAILED), uint32(unix.ECONNREFUSED)
			r.Local, r.Remote = unixEnd(""), unixEnd("")
		}},
		"vsock_connect_in_progress": {events.KindVsockConnect, func(r *networkLocalRecord) {
			r.Flags &^= outcome
			r.Local.Cid = unix.VMADDR_CID_ANY
		}},
	}
	for _, kind := range localKinds() {
		tests[kind.String()] = struct {
			kind   events.Kind
			change func(r *networkLocalRecord)
		}{kind, func(*networkLocalRecord) {}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := fullLocal(test.kind)
			test.change(&r)
			e, h, err := decodeLocal(encodeLocal(&r), testClock, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := (header{sequence: 42, kind: test.kind, slot: 7}); h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			checkGolden(t, name, e)
		})
	}
}

func TestDecodeLocalTruncated(t *testing.T) {
	r := fullLocal(events.KindUnixAccept)
	raw := encodeLocal(&r)
	for n := range raw {
		mustFail(t, decodeLocal, "cut", raw[:n:n])
	}
	long := append(bytes.Clone(raw), make([]byte, 8)...)
	*(*uint32)(unsafe.Pointer(&long[lengthOffset])) = uint32(len(long))
	mustFail(t, decodeLocal, "longer, with its length set right", long)
}

func TestDecodeLocalWrongRecord(t *testing.T) {
	tests := map[string]func(r *networkLocalRecord){
		"length 0":               func(r *networkLocalRecord) { r.Header.Length = 0 },
		"largest length":         func(r *networkLocalRecord) { r.Header.Length = math.MaxUint32 },
		"no kind":                func(r *networkLocalRecord) { r.Header.Kind = 0 },
		"kind of another record": func(r *networkLocalRecord) { r.Header.Kind = uint16(events.KindConnect) },
		"kind of user space":     func(r *networkLocalRecord) { r.Header.Kind = uint16(events.KindEventsLost) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := fullLocal(events.KindVsockAccept)
			change(&r)
			mustFail(t, decodeLocal, name, encodeLocal(&r))
		})
	}
}

func TestLocalEndpoints(t *testing.T) {
	longest := strings.Repeat("x", 108)
	for name, want := range map[string]string{
		"":                     "",
		"\x00":                 "@",
		"\x00a\x00b\x00":       "@a\x00b\x00",
		"@":                    "@",
		"a\x00b":               "a",
		"\xff/\n":              "\xff/\n",
		longest:                longest,
		"\x00" + longest[:107]: "@" + longest[:107],
	} {
		end := unixEnd(name)
		if got := unixEndpoint(&end); got != (events.LocalEndpoint{Address: want}) {
			t.Errorf("%q: %+v, want %q", name, got, want)
		}
	}
	end := unixEnd("abc")
	end.Length = math.MaxUint32
	if got := unixEndpoint(&end).Address; got != "abc" {
		t.Errorf("%q with a length beyond its end", got)
	}
	for _, test := range []struct {
		cid, port uint32
		want      events.LocalEndpoint
	}{
		{0, 0, events.LocalEndpoint{Address: "vsock:0", HasPort: true}},
		{1<<32 - 2, 1<<32 - 2, events.LocalEndpoint{Address: "vsock:4294967294", Port: 1<<32 - 2, HasPort: true}},
		{unix.VMADDR_CID_ANY, unix.VMADDR_PORT_ANY, events.LocalEndpoint{}},
	} {
		if got := vsockEndpoint(&networkLocalEnd{Cid: test.cid, Port: test.port}); got != test.want {
			t.Errorf("%d, %d: %+v, want %+v", test.cid, test.port, got, test.want)
		}
	}
}
