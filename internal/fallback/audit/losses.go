// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"time"

	"sensor/internal/events"
)

// losses are what was not told, as far as it can be known. Of none the kind is known.
//
//   - backlog: records that the kernel could not make or keep, by its own
//     counter (`lost` of auditctl -s). An exec has about eight records, but if the
//     first of an event cannot be made, there are no others, and they count as
//     one. Beside another daemon it is at most this: what was not sent to that
//     daemon alone counts, too.
//   - socket: records that found no room in the socket's buffer, by the socket's
//     counter (`Drops` of /proc/net/netlink). Only beside another daemon: what the
//     kernel sends to its daemon it keeps and sends again.
//   - incomplete: events of which nothing came, which leaves a hole in the
//     serials, or so little that it could not be told. What could not be made
//     leaves no hole; but the kernel drops without counting what it could not send
//     to its daemon several times, and what comes while there is none. Only as
//     many are told as the counters do not explain: for each record that found no
//     room in the socket's buffer there may be such an event, and for each of the
//     backlog one of which too little came.
//   - decode: events that came whole and were not understood.
//
// So nothing is counted twice, but for this: if the kernel's queue of what it is
// to send again overflows, it counts the records, and their events are incomplete.
// Everything counts as generated and as dropped.
type losses struct {
	ledger *events.Ledger
	since  time.Time // of what is counted next
	waits  [reasons]waiting

	lost, drops     uint32 // the kernel's counters as they were last
	backlog, socket uint64 // what they have told
	fragments       uint64 // events of which too little came
	incomplete      uint64 // events that were told as such
}

// reasons is more than any of those that are counted here.
const reasons = events.ReasonDecode + 1

// waiting is what is to be told.
type waiting struct {
	count       uint64
	first, last time.Time
}

// begin takes the counters as they are: what was lost before is nobody's.
func (l *losses) begin(now time.Time, lost, drops uint32) {
	l.since, l.lost, l.drops = now, lost, drops
}

// add counts what was lost until now for a reason.
func (l *losses) add(reason events.Reason, n uint64, first, last time.Time) {
	if n == 0 {
		return
	}
	l.ledger.Generated(events.KindNone, n)
	l.ledger.Dropped(reason, events.KindNone, n)
	w := &l.waits[reason]
	if w.count == 0 {
		w.first = first
	}
	w.count += n
	w.last = last
}

// count reads the counters: lost of the status, drops of the socket, and missing
// serials. owner is whether the records are sent to us alone.
func (l *losses) count(now time.Time, lost, drops uint32, owner bool, missing uint64) {
	backlog := lost - l.lost
	if lost < l.lost { // somebody has reset it, which is likelier than four thousand million
		backlog = lost
	}
	socket := drops - l.drops
	l.lost, l.drops = lost, drops
	if owner {
		socket = 0
	}
	l.add(events.ReasonBacklog, uint64(backlog), l.since, now)
	l.add(events.ReasonSocket, uint64(socket), l.since, now)
	l.backlog += uint64(backlog)
	l.socket += uint64(socket)
	seen := missing + l.fragments - min(l.fragments, l.backlog)
	if explained := l.socket + l.incomplete; seen > explained {
		l.add(events.ReasonIncomplete, seen-explained, l.since, now)
		l.incomplete += seen - explained
	}
	l.since = now
}

// tell gives what was lost since it was called last.
func (l *losses) tell(emit func(events.Loss)) {
	for reason := range l.waits {
		w := &l.waits[reason]
		if w.count == 0 {
			continue
		}
		emit(events.Loss{Kind: events.KindNone, Stage: events.Reason(reason), CPU: -1, Count: w.count, First: w.first, Last: w.last})
		*w = waiting{}
	}
}
