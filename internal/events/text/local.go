// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strconv"

	"sensor/internal/events"
)

// appendLocal is appendNetwork for a flow that has no internet addresses.
func appendLocal(b []byte, e *events.Event) []byte {
	l := e.Local
	b = appendOwner(b, e.Process)
	b = append(b, ' ')
	b = appendLocalEndpoint(b, l.Source)
	b = appendArrow(b, l.Direction)
	b = appendLocalEndpoint(b, l.Destination)
	b = append(b, ' ')
	b = append(b, l.Transport.String()...)
	return appendOutcome(b, e.Outcome, l.Code)
}

// appendLocalEndpoint appends address and port, as far as they are known.
func appendLocalEndpoint(b []byte, end events.LocalEndpoint) []byte {
	if end.Address == "" {
		b = append(b, '-')
	} else {
		b = quote(b, end.Address)
	}
	if end.HasPort {
		b = strconv.AppendUint(append(b, ':'), uint64(end.Port), 10)
	}
	return b
}
