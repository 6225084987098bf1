// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const networkSize = int(unsafe.Sizeof(networkRecord{}))

// encodeNetwork gives the record's bytes as they are in the ring.
func encodeNetwork(r *networkRecord) []byte {
	return bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(r)), networkSize))
}

// fullNetwork has another value in each field, and everything that a program of
// the kind sends.
func fullNetwork(kind events.Kind) networkRecord {
	var r networkRecord
	h := &r.Header
	h.Time, h.Sequence, h.Start, h.ExecId, h.CgroupId = 9_120_000_001, 42, 5_000_000_002, 3, 4004
	h.Length, h.Tgid, h.Tid, h.Euid, h.Egid = uint32(networkSize), 4242, 4243, 998, 999
	h.Kind, h.Slot, h.Cpu = uint16(kind), 7, 7
	h.Comm = comm("curl-thread")
	r.Since, r.Netns, r.Protocol = 6_500_000_003, 5003, unix.IPPROTO_TCP
	r.Local, r.LocalPort = address("::ffff:192.0.2.1"), 40001
	r.Remote, r.RemotePort = address("::ffff:198.51.100.7"), 443
	const succeeded = networkFlagFLAG_OWNER | networkFlagFLAG_SUCCEEDED
	switch kind {
	case events.KindConnect:
		r.Flags = uint16(networkFlagFLAG_EGRESS | succeeded)
	case events.KindAccept:
		r.Flags = uint16(networkFlagFLAG_INGRESS | succeeded)
	case events.KindClose:
		r.Flags = uint16(networkFlagFLAG_EGRESS | networkFlagFLAG_OWNER | networkFlagFLAG_BYTES)
		r.Sent, r.Received = 1001, 2002
	case events.KindBind, events.KindListen:
		r.Flags = uint16(succeeded)
		r.Remote, r.RemotePort = [16]uint8{}, 0
	}
	return r
}

func address(text string) [16]uint8 { return netip.MustParseAddr(text).As16() }

// networkKinds are the kinds that have the network record.
func networkKinds() []events.Kind {
	return slices.DeleteFunc(kindsOf("network"), func(k events.Kind) bool { return slices.Contains(localKinds(), k) })
}
