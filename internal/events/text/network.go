// SPDX-License-Identifier: Apache-2.0

package text

import (
	"net/netip"
	"strconv"
	"time"

	"sensor/internal/events"
)

// appendNetwork appends who had the flow, its two ends, and what came of it.
func appendNetwork(b []byte, e *events.Event) []byte {
	n := e.Network
	b = appendOwner(b, e.Process)
	b = append(b, ' ')
	b = appendEndpoint(b, n.Source)
	if e.Kind != events.KindBind && e.Kind != events.KindListen { // of one end
		b = appendArrow(b, n.Direction)
		b = appendEndpoint(b, n.Destination)
	}
	if name := n.Transport(); name != "" {
		b = append(append(b, ' '), name...)
	} else if n.Protocol != 0 {
		b = append(b, " protocol "...)
		b = strconv.AppendUint(b, uint64(n.Protocol), 10)
	}
	b = appendOutcome(b, e.Outcome, n.Code)
	if e.Kind == events.KindClose {
		b = appendTotals(b, n, e.Time)
	}
	return b
}

func appendArrow(b []byte, d events.Direction) []byte {
	if d == events.DirectionUnknown {
		return append(b, " <-> "...)
	}
	return append(b, " -> "...)
}

func appendOutcome(b []byte, o events.Outcome, code string) []byte {
	switch {
	case o == events.OutcomeSuccess:
		return append(b, " ok"...)
	case code != "":
		return quote(append(b, ' '), code)
	case o == events.OutcomeFailure:
		return append(b, " failed"...)
	}
	return b
}

// appendOwner appends the columns of a process and its name, each "-" if unknown.
func appendOwner(b []byte, p *events.Process) []byte {
	pid, user := "-", "-"
	if p != nil {
		pid, user = strconv.FormatUint(uint64(p.PID), 10), userName(p)
	}
	b = pad(b, pid, 8)
	b = pad(b, user, 9)
	b = append(b, ' ')
	if p == nil {
		return append(b, '-')
	}
	return quote(b, p.Name)
}

// appendEndpoint appends address and port, as far as they are known. A zone may
// be any text, and is left out.
func appendEndpoint(b []byte, end events.Endpoint) []byte {
	addr := end.Addr.WithZone("")
	switch {
	case addr.IsValid() && end.Port != 0:
		return netip.AddrPortFrom(addr, end.Port).AppendTo(b)
	case addr.IsValid():
		return addr.AppendTo(b)
	case end.Port != 0:
		return strconv.AppendUint(append(b, "-:"...), uint64(end.Port), 10)
	}
	return append(b, '-')
}

// appendTotals appends how much each end sent and how long the flow was there.
func appendTotals(b []byte, n *events.Network, end time.Time) []byte {
	duration, timed := n.Duration(end)
	if !n.HasBytes && !timed {
		return b
	}
	b = append(b, "  ("...)
	if n.HasBytes {
		b = append(b, "-> "...)
		b = strconv.AppendUint(b, n.Source.Bytes, 10)
		b = append(b, " bytes, <- "...)
		b = strconv.AppendUint(b, n.Destination.Bytes, 10)
		b = append(b, " bytes"...)
	}
	if timed {
		if n.HasBytes {
			b = append(b, ", "...)
		}
		b = append(b, duration.String()...)
	}
	return append(b, ')')
}
