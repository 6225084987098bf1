// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"math"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const outcome = uint16(networkFlagFLAG_SUCCEEDED | networkFlagFLAG_FAILED)

func TestDecodeNetworkGolden(t *testing.T) {
	tests := map[string]struct {
		kind   events.Kind
		change func(r *networkRecord)
	}{
		"connect": {kind: events.KindConnect},
		"connect_refused": {events.KindConnect, func(r *networkRecord) {
			r.Local, r.Remote = address("2001:db8::1"), address("2001:db8::7")
			r.Flags = r.Flags&^outcome | uint16(networkFlagFLAG_FAILED)
			r.Error = uint32(unix.ECONNREFUSED)
		}},
		"connect_unknown": {events.KindConnect, func(r *networkRecord) {
			r.Flags &^= outcome
			r.Local, r.LocalPort = [16]uint8{}, 0
		}},
		"accept": {kind: events.KindAccept},
		"close":  {kind: events.KindClose},
		"close_without_owner": {events.KindClose, func(r *networkRecord) {
			r.Flags = uint16(networkFlagFLAG_INGRESS | networkFlagFLAG_BYTES)
		}},
		"close_older": {events.KindClose, func(r *networkRecord) {
			r.Flags = uint16(networkFlagFLAG_OWNER | networkFlagFLAG_BYTES | networkFlagFLAG_OLDER)
			r.Since = 0
		}},
		"bind":   {kind: events.KindBind},
		"listen": {kind: events.KindListen},
		"listen_in_use": {events.KindListen, func(r *networkRecord) {
			r.Flags = r.Flags&^outcome | uint16(networkFlagFLAG_FAILED)
			r.Error = uint32(unix.EADDRINUSE)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := fullNetwork(test.kind)
			if test.change != nil {
				test.change(&r)
			}
			e, h, err := decodeNetwork(encodeNetwork(&r), testClock, nil)
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

func TestDecodeNetworkTruncated(t *testing.T) {
	r := fullNetwork(events.KindConnect)
	raw := encodeNetwork(&r)
	for n := range raw {
		mustFail(t, decodeNetwork, "cut", raw[:n:n])
		if n >= lengthOffset+4 {
			honest := bytes.Clone(raw[:n])
			*(*uint32)(unsafe.Pointer(&honest[lengthOffset])) = uint32(n)
			mustFail(t, decodeNetwork, "cut, with its length set right", honest)
		}
	}
	long := append(bytes.Clone(raw), make([]byte, 8)...)
	mustFail(t, decodeNetwork, "longer", long)
	*(*uint32)(unsafe.Pointer(&long[lengthOffset])) = uint32(len(long))
	mustFail(t, decodeNetwork, "longer, with its length set right", long)
}

func TestDecodeNetworkWrongRecord(t *testing.T) {
	tests := map[string]func(r *networkRecord){
		"length 0":                      func(r *networkRecord) { r.Header.Length = 0 },
		"length one less":               func(r *networkRecord) { r.Header.Length-- },
		"length one more":               func(r *networkRecord) { r.Header.Length++ },
		"largest length":                func(r *networkRecord) { r.Header.Length = math.MaxUint32 },
		"no kind":                       func(r *networkRecord) { r.Header.Kind = 0 },
		"kind of another record":        func(r *networkRecord) { r.Header.Kind = uint16(events.KindUnixConnect) },
		"kind of another family":        func(r *networkRecord) { r.Header.Kind = uint16(events.KindExec) },
		"kind of user space":            func(r *networkRecord) { r.Header.Kind = uint16(events.KindEventsLost) },
		"kind that is one in a byte":    func(r *networkRecord) { r.Header.Kind += 256 },
		"kind that is none, but counts": func(r *networkRecord) { r.Header.Kind = uint16(processKindKINDS_MAX) - 1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := fullNetwork(events.KindAccept)
			change(&r)
			mustFail(t, decodeNetwork, name, encodeNetwork(&r))
		})
	}
}

func TestDecodeNetworkDetails(t *testing.T) {
	const failed = uint16(networkFlagFLAG_EGRESS | networkFlagFLAG_FAILED)
	remote := func(text string) func(r *networkRecord) {
		return func(r *networkRecord) { r.Remote = address(text) }
	}
	ends := func(e *events.Event) any {
		return [2]uint16{e.Network.Source.Port, e.Network.Destination.Port}
	}
	tests := map[string]struct {
		kind   events.Kind
		change func(r *networkRecord)
		get    func(e *events.Event) any
		want   any
	}{
		"mapped": {events.KindConnect, remote("::ffff:203.0.113.9"),
			func(e *events.Event) any { return e.Network.Destination.Addr }, netip.MustParseAddr("203.0.113.9")},
		"looks mapped": {events.KindConnect, remote("::fffe:203.0.113.9"),
			func(e *events.Event) any { return e.Network.Destination.Addr }, netip.MustParseAddr("::fffe:203.0.113.9")},
		"loopback is an address": {events.KindConnect, remote("::1"),
			func(e *events.Event) any { return e.Network.Destination.Addr }, netip.MustParseAddr("::1")},
		"no address": {events.KindConnect, remote("::"),
			func(e *events.Event) any { return e.Network.Destination.Addr }, netip.Addr{}},
		"no IPv4 address": {events.KindConnect, remote("::ffff:0.0.0.0"),
			func(e *events.Event) any { return e.Network.Destination.Addr }, netip.Addr{}},
		"egress": {events.KindConnect, func(*networkRecord) {}, ends, [2]uint16{40001, 443}},
		"ingress": {events.KindClose, func(r *networkRecord) { r.Flags = uint16(networkFlagFLAG_INGRESS) },
			ends, [2]uint16{443, 40001}},
		"no direction": {events.KindClose, func(r *networkRecord) { r.Flags = 0 }, ends, [2]uint16{40001, 443}},
		"MPTCP": {events.KindConnect, func(r *networkRecord) { r.Protocol = unix.IPPROTO_MPTCP },
			func(e *events.Event) any { return e.Network.Transport() }, "tcp"},
		"SMC, which IANA does not number": {events.KindConnect, func(r *networkRecord) { r.Protocol = 256 },
			func(e *events.Event) any { return e.Network.Protocol }, uint8(0)},
		"failed, nobody knows how": {events.KindConnect, func(r *networkRecord) { r.Flags = failed },
			func(e *events.Event) any {
				return [3]any{e.Outcome, e.Network.Code, e.Network.Message}
			}, [3]any{events.OutcomeFailure, "", ""}},
		"failed, with a number that has no name": {events.KindConnect, func(r *networkRecord) { r.Flags, r.Error = failed, 512 },
			func(e *events.Event) any { return [2]string{e.Network.Code, e.Network.Message} }, [2]string{"", "errno 512"}},
		"an error that is none": {events.KindConnect, func(r *networkRecord) { r.Error = uint32(unix.EPERM) },
			func(e *events.Event) any { return e.Network.Code }, ""},
		"closes well": {events.KindClose, func(*networkRecord) {}, func(e *events.Event) any { return e.Outcome }, events.OutcomeSuccess},
		"bytes unknown": {events.KindClose, func(r *networkRecord) { r.Flags = 0 },
			func(e *events.Event) any { return e.Network.HasBytes }, false},
		"an attempt's time is when it began": {events.KindConnect, func(*networkRecord) {},
			func(e *events.Event) any { return e.Time }, testClock.Wall(6_500_000_003)},
		"an older attempt's time is when it ended": {events.KindConnect,
			func(r *networkRecord) { r.Flags, r.Since = r.Flags|uint16(networkFlagFLAG_OLDER), 0 },
			func(e *events.Event) any { return e.Time }, testClock.Wall(9_120_000_001)},
		"bound to all addresses of IPv4": {events.KindBind, func(r *networkRecord) { r.Local = address("::ffff:0.0.0.0") },
			func(e *events.Event) any { return e.Network.Source.Addr }, netip.IPv4Unspecified()},
		"listens on all addresses": {events.KindListen, func(r *networkRecord) { r.Local = address("::") },
			func(e *events.Event) any { return e.Network.Source.Addr }, netip.IPv6Unspecified()},
		"nobody sees how the listen ends": {events.KindListen, func(r *networkRecord) { r.Flags &^= outcome },
			func(e *events.Event) any { return e.Outcome }, events.OutcomeUnknown},
		"older connection": {events.KindClose, func(r *networkRecord) { r.Since = 0 },
			func(e *events.Event) any { return e.Network.Started }, time.Time{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := fullNetwork(test.kind)
			test.change(&r)
			e, _, err := decodeNetwork(encodeNetwork(&r), testClock, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := test.get(e); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func BenchmarkDecodeNetwork(b *testing.B) {
	r := fullNetwork(events.KindConnect)
	raw := encodeNetwork(&r)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decodeNetwork(raw, testClock, nil); err != nil {
			b.Fatal(err)
		}
	}
}
