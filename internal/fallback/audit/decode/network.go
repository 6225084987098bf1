// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// connect tells of attempts. The protocol and our own address are in no record.
func (d *deed) connect(*way) {
	switch d.errno() {
	case unix.EISCONN, unix.EALREADY, unix.ENOTSOCK, unix.EBADF, unix.EINVAL, unix.EAFNOSUPPORT, unix.EPROTOTYPE, unix.EOPNOTSUPP, unix.EFAULT:
		return // wrong in itself, or asks how an attempt goes on
	}
	if e := d.flow(events.KindConnect, events.KindUnixConnect, events.KindVsockConnect, true); e != nil {
		switch d.errno() {
		case unix.EINPROGRESS, unix.EINTR: // it goes on without the caller
			e.Outcome = events.OutcomeUnknown
			return
		}
		code, message := d.reason()
		if e.Network != nil {
			e.Network.Code, e.Network.Message = code, message
		} else {
			e.Local.Code, e.Local.Message = code, message
		}
	}
}

// accept tells of a flow that was taken. Without a record of the peer's address,
// for which the program has not asked then, it may be of any kind: that is not told.
func (d *deed) accept(*way) {
	if d.succeeded() {
		d.flow(events.KindAccept, events.KindUnixAccept, events.KindVsockAccept, false)
	}
}

// flow makes an event about a flow with the peer that the SOCKADDR record names.
func (d *deed) flow(internet, unixKind, vsock events.Kind, egress bool) *events.Event {
	peer := d.parseAddress()
	var kind events.Kind
	switch peer.family {
	case unix.AF_INET, unix.AF_INET6:
		kind = internet
	case unix.AF_UNIX:
		kind = unixKind
	case unix.AF_VSOCK:
		kind = vsock
	default:
		return nil
	}
	if !d.wants(kind) {
		return nil
	}
	e := d.tell(kind)
	direction := events.DirectionIngress
	if egress {
		direction = events.DirectionEgress
	}
	if kind == internet {
		n := &events.Network{Direction: direction}
		if !peer.ip.IsUnspecified() {
			n.Destination.Addr = peer.ip
		}
		n.Destination.Port = peer.port
		if !egress {
			n.Source, n.Destination = n.Destination, n.Source
		}
		e.Network = n
		return e
	}
	l := &events.Local{Direction: direction, Transport: events.TransportUnix, Destination: peer.local}
	if kind == vsock {
		l.Transport = events.TransportVsock
	}
	if !egress {
		l.Source, l.Destination = l.Destination, l.Source
	}
	e.Local = l
	return e
}

// bind tells of a bind that succeeded. A port that the kernel chose is in no record.
func (d *deed) bind(*way) {
	if !d.succeeded() || !d.wants(events.KindBind) {
		return
	}
	if a := d.parseAddress(); a.ip.IsValid() {
		d.tell(events.KindBind).Network = &events.Network{Source: events.Endpoint{Addr: a.ip, Port: a.port}}
	}
}

// listen tells that a socket takes connections. Which one, and even of which
// family, is in no record.
func (d *deed) listen(*way) {
	switch {
	case !d.wants(events.KindListen), d.errno() == unix.EBADF, d.errno() == unix.ENOTSOCK, d.errno() == unix.EOPNOTSUPP:
		return
	}
	n := &events.Network{}
	n.Code, n.Message = d.reason()
	d.tell(events.KindListen).Network = n
}
