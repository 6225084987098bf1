// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// look asks which sockets there are, and tells what has changed.
func (s *Source) look(emit func(*events.Event)) error {
	now := time.Now()
	for _, c := range s.known {
		c.present = false
	}
	untold, err := s.dump(now)
	if err != nil {
		return err
	}
	if err := s.seekOwners(); err != nil {
		s.options.Log.Warn("whose the new connections are is not known", "error", err)
	}
	for _, c := range untold {
		if !c.ingress || c.inode != 0 { // one that nobody has accepted yet has no file
			s.begin(c, now, emit)
		}
	}
	for cookie, c := range s.known {
		if !c.present {
			s.miss(cookie, c, now, emit)
		}
	}
	return nil
}

// dump enters the connections that there are. It gives those that are not told yet.
func (s *Source) dump(now time.Time) (untold []*connection, err error) {
	s.listen = listeners{}
	for _, protocol := range s.protocols {
		states, extensions := uint32(connected|listening), uint8(0)
		if protocol == unix.IPPROTO_UDP {
			states = 1 << netlink.TCP_ESTABLISHED
		} else if s.destroys { // traffic that does not change any more helps to know it exactly
			extensions = 1 << (netlink.INET_DIAG_INFO - 1)
		}
		err := dump(protocol, states, extensions, func(d *socket) { // of each family those that listen come first
			if d.state == netlink.TCP_LISTEN {
				if len(s.listen) < s.options.Sockets {
					s.listen[d.local] = true
				}
				return
			}
			if c := s.enter(d, now); c != nil && !c.told {
				untold = append(untold, c)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return untold, nil
}

// enter notes that a connection is there; nil if it is not followed.
func (s *Source) enter(d *socket, now time.Time) *connection {
	c := s.known[d.cookie]
	switch {
	case d.remote.Port() == 0:
		return nil
	case c == nil && len(s.known) >= s.options.Sockets:
		if !s.full {
			s.full = true
			s.options.Log.Warn("not all connections are followed; raise limits.sockets", "followed", len(s.known))
		}
		return nil
	case c == nil, !c.over.IsZero(): // the socket may have been connected anew
		c = &connection{seen: now, ingress: s.accepts(d)}
		s.known[d.cookie] = c
	}
	c.socket, c.present, c.missed = *d, true, time.Time{}
	return c
}

// accepts reports whether a connection came in: somebody listens where it is.
func (s *Source) accepts(d *socket) bool {
	return d.protocol == unix.IPPROTO_TCP && s.listen.has(d.local)
}

// seekOwners finds whose the sockets are that have a file since the last time.
func (s *Source) seekOwners() error {
	inodes := map[uint32]uint32{}
	for _, c := range s.known {
		if c.present && !c.sought && c.inode != 0 {
			inodes[c.inode] = 0
		}
	}
	all, err := s.owners.find(inodes)
	for _, c := range s.known {
		if c.present && !c.sought && c.inode != 0 {
			c.sought = all // else it is looked for again
			if c.owner.pid = inodes[c.inode]; c.owner.pid != 0 {
				c.sought = true
				c.owner.start, _ = s.owners.proc.Start(c.owner.pid) // 0 if it has just ended
			}
		}
	}
	return err
}

// overFor is how long a connection is remembered whose socket may still be open.
const overFor = 10 * time.Minute

// miss handles a connection that the dump did not show: if neither the next one
// does, it has ended. If the kernel tells what it frees, that comes before and knows more.
func (s *Source) miss(cookie uint64, c *connection, now time.Time, emit func(*events.Event)) {
	switch {
	case !c.over.IsZero():
		if now.Sub(c.over) > overFor {
			delete(s.known, cookie)
		}
	case c.missed.IsZero(): // a dump of a table that changes may leave one out
		c.missed = now
	default:
		s.end(c, traffic{}, c.missed, emit)
		if c.over = now; !s.destroys {
			delete(s.known, cookie)
		}
	}
}

// freed tells the end of a socket that the kernel has freed.
func (s *Source) freed(end *socket, emit func(*events.Event)) {
	c := s.known[end.cookie]
	delete(s.known, end.cookie)
	if c == nil {
		c = &connection{socket: *end, ingress: s.accepts(end)}
		if !end.established(c.ingress) {
			return
		}
		c.traffic = traffic{}
	}
	if c.over.IsZero() {
		s.end(c, end.traffic, time.Now(), emit)
	}
}

// begin tells that a connection has begun.
func (s *Source) begin(c *connection, now time.Time, emit func(*events.Event)) {
	c.told = true
	kind := events.KindConnect
	if c.ingress {
		kind = events.KindAccept
	}
	s.tell(kind, c, c.network(s.namespace), now, emit)
}

// end tells that a connection has ended, and before it that it began if that was not told.
func (s *Source) end(c *connection, last traffic, now time.Time, emit func(*events.Event)) {
	if !c.told {
		s.begin(c, now, emit)
	}
	n := c.network(s.namespace)
	n.Started = c.seen
	var sent, received uint64
	if sent, received, n.HasBytes = bytes(c, last); n.HasBytes {
		n.Source.Bytes, n.Destination.Bytes = sent, received
		if c.ingress {
			n.Source.Bytes, n.Destination.Bytes = received, sent
		}
	}
	s.tell(events.KindClose, c, n, now, emit)
}

func (s *Source) tell(kind events.Kind, c *connection, n *events.Network, now time.Time, emit func(*events.Event)) {
	if !s.kinds[kind] {
		return
	}
	e := &events.Event{
		Kind: kind, ID: s.options.IDs.Of(events.ClassBulk, 0, s.sequence), Provider: Name,
		Time: now, Outcome: events.OutcomeSuccess, Network: n,
	}
	s.sequence++
	if c.owner.pid != 0 {
		e.Process = &events.Process{PID: c.owner.pid, TID: c.owner.pid, StartKey: c.owner.start}
	}
	s.options.Ledger.Generated(kind, 1)
	emit(e)
}
