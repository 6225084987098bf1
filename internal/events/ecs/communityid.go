// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"

	"sensor/internal/events"
)

// hasCommunityID reports whether the flow can be told by its community id. Of
// ICMP that takes type and code, which a socket does not have; an end that is
// unknown would make an id that no other tool finds.
func hasCommunityID(n *events.Network) bool {
	switch n.Protocol {
	case events.ProtocolTCP, events.ProtocolUDP, events.ProtocolSCTP:
		return n.Source.Addr.IsValid() && n.Source.Addr.BitLen() == n.Destination.Addr.BitLen() &&
			n.Source.Port != 0 && n.Destination.Port != 0
	}
	return false
}

// appendCommunityID appends the flow's community id, version 1 with seed 0: the
// same 30 characters whichever end is the source. It is for flows that have one.
// https://github.com/corelight/community-id-spec
func appendCommunityID(b []byte, n *events.Network) []byte {
	lower, upper := address(n.Source), address(n.Destination)
	if lower.Compare(upper) > 0 {
		lower, upper = upper, lower
	}
	const seed = 2
	var buffer [seed + 16 + 16 + 2 + 2 + 2]byte // seed, addresses, protocol and a zero, ports
	input := appendAddress(buffer[:seed], lower.Addr())
	input = appendAddress(input, upper.Addr())
	input = append(input, n.Protocol, 0)
	input = binary.BigEndian.AppendUint16(input, lower.Port())
	input = binary.BigEndian.AppendUint16(input, upper.Port())
	var sum [sha1.Size]byte
	// The hash protects nothing: where FIPS 140 is enforced it may be used all the same.
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(input) })
	return base64.StdEncoding.AppendEncode(append(b, "1:"...), sum[:])
}

// address orders as the bytes of address and port do: without a zone.
func address(end events.Endpoint) netip.AddrPort {
	return netip.AddrPortFrom(end.Addr.WithZone(""), end.Port)
}

// appendAddress appends the 4 or 16 bytes of the address in network order.
func appendAddress(b []byte, a netip.Addr) []byte {
	all := a.As16()
	return append(b, all[16-a.BitLen()/8:]...)
}
