// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// decodeLocal is decodeNetwork for the record of AF_UNIX and vsock.
func decodeLocal(raw []byte, clock *clock.Clock, _ []string) (*events.Event, header, error) {
	r, rest, err := record[networkLocalRecord](raw)
	if err != nil {
		return nil, header{}, err
	}
	h := header{sequence: r.Header.Sequence, kind: kindOf(r.Header.Kind), slot: uint32(r.Header.Slot)}
	if len(rest) > 0 || r.Header.Length != uint32(unsafe.Sizeof(r)) {
		return nil, h, fmt.Errorf("decode local record: it says %d bytes, there are %d", r.Header.Length, len(raw))
	}
	l := &events.Local{Namespace: r.Netns}
	var endpoint func(*networkLocalEnd) events.LocalEndpoint
	switch h.kind {
	case events.KindUnixConnect, events.KindUnixAccept:
		l.Transport, endpoint = events.TransportUnix, unixEndpoint
	case events.KindVsockConnect, events.KindVsockAccept:
		l.Transport, endpoint = events.TransportVsock, vsockEndpoint
	default:
		return nil, h, fmt.Errorf("decode local record: unknown kind %d", r.Header.Kind)
	}
	l.Source, l.Destination, l.Direction = endpoint(&r.Local), endpoint(&r.Remote), events.DirectionEgress
	flags := networkFlag(r.Flags)
	if flags&networkFlagFLAG_INGRESS != 0 {
		l.Source, l.Destination, l.Direction = l.Destination, l.Source, events.DirectionIngress
	}
	e := &events.Event{Kind: h.kind, Time: clock.Wall(r.Header.Time), Process: actorOf(&r.Header, clock), Local: l}
	e.Outcome, l.Code, l.Message = outcomeOf(flags, r.Error, events.OutcomeUnknown)
	return e, h, nil
}

// unixEndpoint writes abstract names as ss and /proc/net/unix do, with @ for the NUL before them.
func unixEndpoint(end *networkLocalEnd) events.LocalEndpoint {
	name := end.Name[:min(int(end.Length), len(end.Name))]
	if len(name) > 0 && name[0] == 0 {
		return events.LocalEndpoint{Address: "@" + string(name[1:])}
	}
	return events.LocalEndpoint{Address: cString(name)}
}

func vsockEndpoint(end *networkLocalEnd) events.LocalEndpoint {
	e := events.LocalEndpoint{Port: end.Port, HasPort: end.Port != unix.VMADDR_PORT_ANY}
	if end.Cid != unix.VMADDR_CID_ANY {
		e.Address = "vsock:" + strconv.FormatUint(uint64(end.Cid), 10)
	}
	if !e.HasPort {
		e.Port = 0
	}
	return e
}
