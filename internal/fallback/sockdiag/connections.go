// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// A connection is a connected socket that a dump has shown.
type connection struct {
	socket
	owner   process
	seen    time.Time // first; zero if it was there before the source, or only its end was seen
	ingress bool      // else egress
	sought  bool      // its owner was looked for
	told    bool      // that it began, or it was there before
	present bool      // in the last dump
	missed  time.Time // when a dump first did not show it
	over    time.Time // its close is told: it is kept for a while, so that its end is not taken for another's
}

// process is an owner, as far as it is known.
type process struct {
	pid   uint32
	start uint64
}

// listeners are the local addresses at which sockets listen.
type listeners map[netip.AddrPort]bool

// has reports whether a socket listens at an address, or at its port on all of them.
func (l listeners) has(local netip.AddrPort) bool {
	return l[local] || l[netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())] ||
		l[netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())]
}

// bytes gives what both ends have sent, of a socket that the kernel has freed.
// The kernel counts the peer's FIN as a byte that was received, and does not say
// whether one came: exact is false unless it is certain.
func bytes(last *connection, end traffic) (sent, received uint64, exact bool) {
	switch {
	case !end.known:
		return 0, 0, false
	case end.segments == 0: // what was received is a FIN, if anything
		return end.sent, 0, true
	case finished(last.state) && end.received > 0:
		return end.sent, end.received - 1, true
	case last.traffic.known && last.traffic.segments == end.segments: // it was not in yet, and nothing else has come
		return end.sent, last.traffic.received, true
	}
	return 0, 0, false
}

// network describes a connection as an event does.
func (c *connection) network(namespace uint32) *events.Network {
	local, remote := endpoint(c.local), endpoint(c.remote)
	n := &events.Network{
		Source: local, Destination: remote, Direction: events.DirectionEgress,
		Protocol: c.protocol, Namespace: namespace,
	}
	if c.ingress {
		n.Direction = events.DirectionIngress
		n.Source, n.Destination = remote, local
	}
	return n
}

func endpoint(a netip.AddrPort) events.Endpoint {
	e := events.Endpoint{Port: a.Port()}
	if addr := a.Addr(); !addr.IsUnspecified() {
		e.Addr = addr
	}
	return e
}

// established reports whether a socket that the kernel has freed was a
// connection. Of an attempt that failed it has forgotten the other side, or the
// peer has never answered.
func (s *socket) established(accepted bool) bool {
	switch {
	case s.remote.Port() == 0 || s.remote.Addr().IsUnspecified():
		return false
	case s.protocol == unix.IPPROTO_UDP, accepted:
		return true
	}
	return s.traffic.known && s.traffic.acknowledged+s.traffic.received > 0
}
