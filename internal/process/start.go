// SPDX-License-Identifier: Apache-2.0

package process

import (
	"time"

	"sensor/internal/events"
)

// sameLife decides, where a start time is unknown, whether the process that was
// found by its pid is the one of the event or had the pid before it: nil then.
// Of sources that do not know start times some do not tell every exit either.
func (t *Table) sameLife(e *events.Event, known *entry) *entry {
	p := e.Process
	if known == nil || p.StartKey != 0 && known.process.StartKey != 0 {
		return known
	}
	switch {
	case known.dead && e.Kind != events.KindExit,
		e.Kind == events.KindFork && known.told.Before(e.Time),
		p.StartKey != 0 && !p.Start.IsZero() && known.told.Add(slack).Before(p.Start):
		t.drop(known)
		return nil
	}
	return known
}

// slack is how far the time of an event may lie before the start of its process: audit's
// clock stands still between two ticks of the kernel, and wall time is reckoned from boot time.
const slack = 2 * tick * time.Nanosecond

// learnStart enters when a known process has started, as p has it, if that was unknown.
func (t *Table) learnStart(known *entry, p *events.Process) {
	if known.process.StartKey != 0 || p.StartKey == 0 {
		return
	}
	now := known.process.Clone() // events share what was told before
	now.Start, now.StartKey, now.EntityID = p.Start, p.StartKey, t.entityID(p.PID, p.StartKey)
	t.replace(known, now)
}

// lateFork completes a fork that is told after more is known of the new process than that it is there.
func (t *Table) lateFork(known *entry, fork *events.Event) {
	p := fork.Process
	t.learnStart(known, p)
	p.EntityID = known.process.EntityID
	t.inherit(p, t.find(p.CreatorPID, p.CreatorStartKey))
	t.show(known, fork)
}
