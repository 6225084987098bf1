// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// decodeNetwork turns a record of the network family into an event. It is a
// pure function of its arguments; the event holds no reference to raw.
func decodeNetwork(raw []byte, clock *clock.Clock, _ []string) (*events.Event, header, error) {
	r, rest, err := record[networkRecord](raw)
	if err != nil {
		return nil, header{}, err
	}
	h := header{sequence: r.Header.Sequence, kind: kindOf(r.Header.Kind), slot: uint32(r.Header.Slot)}
	if len(rest) > 0 || r.Header.Length != uint32(unsafe.Sizeof(r)) {
		return nil, h, fmt.Errorf("decode network record: it says %d bytes, there are %d", r.Header.Length, len(raw))
	}
	flags := networkFlag(r.Flags)
	n := &events.Network{
		Protocol:  protocolOf(r.Protocol),
		Namespace: r.Netns,
		HasBytes:  flags&networkFlagFLAG_BYTES != 0,
	}
	local := endpointOf(r.Local, r.LocalPort, r.Sent)
	remote := endpointOf(r.Remote, r.RemotePort, r.Received)
	n.Source, n.Destination = local, remote
	switch {
	case flags&networkFlagFLAG_EGRESS != 0:
		n.Direction = events.DirectionEgress
	case flags&networkFlagFLAG_INGRESS != 0:
		n.Direction = events.DirectionIngress
		n.Source, n.Destination = remote, local
	}
	e := &events.Event{Kind: h.kind, Network: n}
	switch h.kind {
	case events.KindBind, events.KindListen:
		n.Source.Addr = netip.AddrFrom16(r.Local).Unmap() // all addresses are an answer here
		e.Time = clock.Wall(r.Since)
	case events.KindConnect, events.KindAccept:
		e.Time = clock.Wall(r.Since)
	case events.KindClose:
		e.Time = clock.Wall(r.Header.Time)
		if r.Since != 0 {
			n.Started = clock.Wall(r.Since)
		}
		e.Outcome = events.OutcomeSuccess
	default:
		return nil, h, fmt.Errorf("decode network record: unknown kind %d", r.Header.Kind)
	}
	if flags&networkFlagFLAG_OLDER != 0 && h.kind != events.KindClose {
		e.Time = clock.Wall(r.Header.Time) // the attempt itself was before the sensor
	}
	e.Outcome, n.Code, n.Message = outcomeOf(flags, r.Error, e.Outcome)
	if flags&networkFlagFLAG_OWNER != 0 {
		e.Process = actorOf(&r.Header, clock)
	}
	return e, h, nil
}

// outcomeOf is what the flags say of how it ended, else the given outcome.
func outcomeOf(flags networkFlag, number uint32, otherwise events.Outcome) (o events.Outcome, code, message string) {
	switch {
	case flags&networkFlagFLAG_SUCCEEDED != 0:
		return events.OutcomeSuccess, "", ""
	case flags&networkFlagFLAG_FAILED != 0:
		if errno := unix.Errno(number); errno != 0 {
			code, message = unix.ErrnoName(errno), errno.Error()
		}
		return events.OutcomeFailure, code, message
	}
	return otherwise, "", ""
}

// actorOf is the process that the header names, as far as it knows it.
func actorOf(h *networkHeader, clock *clock.Clock) *events.Process {
	return &events.Process{
		PID:      h.Tgid,
		TID:      h.Tid,
		ExecID:   h.ExecId,
		Start:    clock.Wall(h.Start),
		StartKey: h.Start,

		Name:       commOf(&h.Comm),
		ThreadName: commOf(&h.Comm),
		Credentials: events.Credentials{
			Effective:      events.User{ID: h.Euid},
			EffectiveGroup: events.Group{ID: h.Egid},
		},
		Cgroup:    events.Cgroup{ID: h.CgroupId},
		HasExecID: true,
	}
}

// protocolOf is IANA's number. MPTCP, which Linux numbers beyond the header's 8 bits, is TCP on the wire.
func protocolOf(protocol uint16) uint8 {
	if protocol == unix.IPPROTO_MPTCP {
		return unix.IPPROTO_TCP
	}
	return uint8(protocol)
}

// endpointOf leaves the address out where the socket has none.
func endpointOf(address [16]uint8, port uint16, bytes uint64) events.Endpoint {
	e := events.Endpoint{Port: port, Bytes: bytes}
	if a := netip.AddrFrom16(address).Unmap(); !a.IsUnspecified() {
		e.Addr = a
	}
	return e
}
