// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"net/netip"
	"time"

	"sensor/internal/events"
)

// network writes the flow and its two ends.
func (w *writer) network(n *events.Network) {
	begin := len(w.b)
	w.open("network")
	w.word("transport", n.Transport())
	w.word("type", networkType(n.Source.Addr, n.Destination.Addr))
	w.direction(n.Direction)
	if hasCommunityID(n) {
		w.key("community_id")
		w.b = append(w.b, '"')
		w.b = appendCommunityID(w.b, n)
		w.b = append(w.b, '"')
	}
	if n.Protocol != 0 {
		w.keyword("iana_number", uint64(n.Protocol))
	}
	if n.HasBytes {
		w.number("bytes", n.Source.Bytes+n.Destination.Bytes)
	}
	w.closeOrDrop(begin)
	w.endpoint("source", n.Source, n.HasBytes)
	w.endpoint("destination", n.Destination, n.HasBytes)
}

func (w *writer) direction(d events.Direction) {
	switch d {
	case events.DirectionEgress:
		w.word("direction", "egress")
	case events.DirectionIngress:
		w.word("direction", "ingress")
	}
}

// networkType is the family of the addresses that are known; "" if there is
// none, or two that no flow can have together.
func networkType(a, b netip.Addr) string {
	four, six := a.Is4() || b.Is4(), a.Is6() || b.Is6()
	switch {
	case four && !six:
		return "ipv4"
	case six && !four:
		return "ipv6"
	}
	return ""
}

func (w *writer) endpoint(name string, end events.Endpoint, hasBytes bool) {
	begin := len(w.b)
	w.open(name)
	if end.Addr.IsValid() {
		w.key("address")
		w.ip(end.Addr)
		w.key("ip")
		w.ip(end.Addr)
	}
	if end.Port != 0 {
		w.number("port", uint64(end.Port))
	}
	if hasBytes {
		w.number("bytes", end.Bytes)
	}
	w.closeOrDrop(begin)
}

// ip writes an address without its zone, which no field of type ip takes.
func (w *writer) ip(a netip.Addr) {
	w.b = append(w.b, '"')
	w.b = a.WithZone("").AppendTo(w.b)
	w.b = append(w.b, '"')
}

// ips writes those of two addresses that are known, each once.
func (w *writer) ips(a, b netip.Addr) {
	if !a.IsValid() {
		a, b = b, netip.Addr{}
	}
	if !a.IsValid() {
		return
	}
	w.key("ip")
	w.b = append(w.b, '[')
	w.ip(a)
	if b.IsValid() && b.WithZone("") != a.WithZone("") {
		w.comma()
		w.ip(b)
	}
	w.b = append(w.b, ']')
}

// span writes from when to when the flow was there. end is when it was closed.
func (w *writer) span(n *events.Network, end time.Time) {
	w.time("start", n.Started)
	w.time("end", end)
	if d, ok := n.Duration(end); ok {
		w.integer("duration", int64(d)) // ns
	}
}
