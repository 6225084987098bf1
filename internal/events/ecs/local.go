// SPDX-License-Identifier: Apache-2.0

package ecs

import "sensor/internal/events"

// local writes a flow that has no internet addresses, and its two ends.
func (w *writer) local(l *events.Local) {
	begin := len(w.b)
	w.open("network")
	w.word("transport", l.Transport.String())
	w.direction(l.Direction)
	w.closeOrDrop(begin)
	w.localEndpoint("source", "source.path", l.Transport, l.Source)
	w.localEndpoint("destination", "destination.path", l.Transport, l.Destination)
}

// localEndpoint writes the address, of AF_UNIX also under the name that Auditbeat has for it.
func (w *writer) localEndpoint(name, path string, t events.Transport, end events.LocalEndpoint) {
	begin := len(w.b)
	w.open(name)
	if t == events.TransportUnix {
		w.text("path", path, end.Address)
	}
	w.word("address", end.Address) // without a raw field: path has it, and a CID is a number
	if end.HasPort {
		w.number("port", uint64(end.Port))
	}
	w.closeOrDrop(begin)
}
