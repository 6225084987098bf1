// SPDX-License-Identifier: Apache-2.0

package decode

import "sensor/internal/events"

// identify tells of a call that sets user or group ids. The record has those after
// it. Those before are not known here: it may have set what was there already.
func (d *deed) identify(w *way) {
	if d.succeeded() && d.wants(w.kind) {
		d.tell(w.kind)
	}
}

// session tells of setsid. Who has called it leads the new session and its first
// group; what the call gives back is the same id as the process's own namespace has it.
func (d *deed) session(*way) {
	if d.succeeded() && d.wants(events.KindSessionIDChange) {
		p := d.tell(events.KindSessionIDChange).Process
		p.SessionPID, p.GroupLeaderPID = p.PID, p.PID
	}
}
