// SPDX-License-Identifier: Apache-2.0

package events

import "unsafe"

// Local is a flow that stays on the host or between it and its virtual
// machines, or the attempt at one: AF_UNIX or vsock.
type Local struct {
	// As those of [Network]: the local end is the source of an egress flow.
	Source, Destination LocalEndpoint
	Direction           Direction
	Transport           Transport
	Namespace           uint32 // inode number of the socket's network namespace; 0 if unknown

	Code    string // a failed attempt: ECONNREFUSED
	Message string // connection refused
}

// Size is a rough count of the bytes that the flow keeps in memory. Code and
// Message are constants of the program.
func (l *Local) Size() int {
	return int(unsafe.Sizeof(*l)) + len(l.Source.Address) + len(l.Destination.Address)
}

// LocalEndpoint is one end of a local flow.
type LocalEndpoint struct {
	// Of AF_UNIX the name that it was bound to, which may be relative to a
	// directory that nobody knows any more; an abstract one has an @ in place of
	// its first NUL. Of vsock "vsock:" and the CID. "" if it has none.
	Address string
	Port    uint32 // vsock
	HasPort bool
}

// Transport of a local flow.
type Transport uint8

// There is no zero Transport.
const (
	TransportUnix Transport = iota + 1
	TransportVsock
)

func (t Transport) String() string {
	switch t {
	case TransportUnix:
		return "unix"
	case TransportVsock:
		return "vsock"
	}
	return ""
}
