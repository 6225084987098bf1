// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A socket is a struct inet_diag_msg of linux/inet_diag.h.
type socket struct {
	cookie        uint64 // no other socket of this boot has it
	state         uint8
	protocol      uint8
	local, remote netip.AddrPort
	inode         uint32 // 0 if no file is open of it: not accepted yet, or closed
	traffic       traffic
}

// traffic is what struct tcp_info says of payload.
type traffic struct {
	known          bool   // sent is since Linux 4.19
	sent, received uint64 // received counts the peer's FIN as one byte
	segments       uint32 // with payload that came in
	acknowledged   uint64 // as the kernel counts it: more than 0 if the peer ever answered
}

const (
	diagSize = 72 // struct inet_diag_msg

	// Places in struct tcp_info, which only grows at its end.
	acknowledgedOffset = 120
	receivedOffset     = 128
	segmentsOffset     = 152
	sentOffset         = 200
	repeatedOffset     = 208
)

// parse reads the payload of a netlink message. protocol is the one that was
// asked for; what the kernel tells of itself names its own.
func parse(payload []byte, protocol uint8) (socket, error) {
	if len(payload) < diagSize {
		return socket{}, fmt.Errorf("parse socket: %d bytes are too few", len(payload))
	}
	order := binary.NativeEndian
	s := socket{
		cookie:   uint64(order.Uint32(payload[44:])) | uint64(order.Uint32(payload[48:]))<<32,
		state:    payload[1],
		protocol: protocol,
		inode:    order.Uint32(payload[68:]),
	}
	ports := binary.BigEndian
	s.local = netip.AddrPortFrom(address(payload[0], payload[8:]), ports.Uint16(payload[4:]))
	s.remote = netip.AddrPortFrom(address(payload[0], payload[24:]), ports.Uint16(payload[6:]))
	for rest := payload[diagSize:]; len(rest) >= unix.SizeofRtAttr; {
		length := int(order.Uint16(rest))
		if length < unix.SizeofRtAttr || length > len(rest) {
			return socket{}, fmt.Errorf("parse socket: an attribute says %d bytes, there are %d", length, len(rest))
		}
		value := rest[unix.SizeofRtAttr:length]
		switch order.Uint16(rest[2:]) {
		case netlink.INET_DIAG_PROTOCOL:
			if len(value) > 0 {
				s.protocol = value[0]
			}
		case netlink.INET_DIAG_INFO:
			s.traffic = trafficOf(value)
		}
		rest = rest[min(len(rest), (length+3)&^3):]
	}
	return s, nil
}

func address(family uint8, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b)).Unmap()
}

func trafficOf(info []byte) traffic {
	if len(info) < repeatedOffset+8 {
		return traffic{}
	}
	order := binary.NativeEndian
	return traffic{
		known:        true,
		sent:         order.Uint64(info[sentOffset:]) - order.Uint64(info[repeatedOffset:]),
		received:     order.Uint64(info[receivedOffset:]),
		segments:     order.Uint32(info[segmentsOffset:]),
		acknowledged: order.Uint64(info[acknowledgedOffset:]),
	}
}

// request is a struct inet_diag_req_v2: all sockets of a family in some states.
func request(family, protocol uint8, states uint32, extensions uint8) []byte {
	b := []byte{family, protocol, extensions, 0}
	b = binary.NativeEndian.AppendUint32(b, states)
	return append(b, make([]byte, 48)...) // struct inet_diag_sockid: any
}
