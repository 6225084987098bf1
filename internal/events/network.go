// SPDX-License-Identifier: Apache-2.0

package events

import (
	"net/netip"
	"time"
	"unsafe"
)

// Network is a flow, or the attempt at one, with the addresses of the kernel's socket.
type Network struct {
	// Source began the flow and Destination was called: the local end is the
	// source of an egress flow and the destination of an ingress one. Where
	// Direction is unknown, Source is the local end.
	Source, Destination Endpoint
	Direction           Direction
	Protocol            uint8  // IANA's number: 6 tcp, 17 udp; MPTCP counts as tcp; 0 if unknown
	Namespace           uint32 // inode number of the socket's network namespace; 0 if unknown
	HasBytes            bool   // close: the bytes of both ends are known; payload only, no headers, no SYN or FIN

	Started time.Time // close: when the connect or accept was; zero if unknown
	Code    string    // what failed: ECONNREFUSED
	Message string    // connection refused
}

// IANA's numbers of the protocols that have a name here.
const (
	ProtocolICMP   = 1
	ProtocolTCP    = 6
	ProtocolUDP    = 17
	ProtocolDCCP   = 33
	ProtocolICMPv6 = 58
	ProtocolSCTP   = 132
)

// Transport is the protocol's name in IANA's list, in lower case; "" for those
// that are known by number alone.
func (n *Network) Transport() string {
	switch n.Protocol {
	case ProtocolICMP:
		return "icmp"
	case ProtocolTCP:
		return "tcp"
	case ProtocolUDP:
		return "udp"
	case ProtocolDCCP:
		return "dccp"
	case ProtocolICMPv6:
		return "ipv6-icmp"
	case ProtocolSCTP:
		return "sctp"
	}
	return ""
}

// Duration is from Started to the given end; ok is false if Started is unknown
// or after the end.
func (n *Network) Duration(end time.Time) (d time.Duration, ok bool) {
	if n.Started.IsZero() || end.Before(n.Started) {
		return 0, false
	}
	return end.Sub(n.Started), true
}

// Size is a rough count of the bytes that the flow keeps in memory. Code and
// Message are constants of the program.
func (n *Network) Size() int { return int(unsafe.Sizeof(*n)) }

// Endpoint is one end of a flow.
type Endpoint struct {
	Addr  netip.Addr // IPv4-mapped addresses are unmapped; invalid if unknown
	Port  uint16     // 0 if unknown, or where the protocol has none
	Bytes uint64     // close: payload that this end sent
}

// Direction says who began a flow, seen from this host.
type Direction uint8

// The zero Direction is left out of the document: unknown.
const (
	DirectionUnknown Direction = iota
	DirectionEgress
	DirectionIngress
)
