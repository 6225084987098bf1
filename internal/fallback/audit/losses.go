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
//     serials, or so little that it could not be told, and that the two counters
//     do not explain: each such event lacks at least one record, so only as many
//     as are more than all records that the kernel has counted. The kernel drops
//     without counting what it could not send to its daemon several times, and
//     what comes while there is none.
//   - decode: events that came whole and were not understood.
//
// So nothing is counted twice, and everything counts as generated and as dropped.
type losses struct {
	ledger *events.Ledger
	since  time.Time // of what is counted next
	waits  [reasons]waiting

	lost, drops uint32 // the kernel's counters as they were last
	counted     uint64 // records that the kernel's counters have told
	fragments   uint64 // events of which too little came
	unexplained uint64 // events that were told as incomplete
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
	l.counted += uint64(backlog) + uint64(socket)
	if seen := missing + l.fragments; seen > l.counted+l.unexplained {
		n := seen - l.counted - l.unexplained
		l.unexplained += n
		l.add(events.ReasonIncomplete, n, l.since, now)
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
