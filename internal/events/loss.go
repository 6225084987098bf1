// SPDX-License-Identifier: Apache-2.0

package events

import "time"

// Loss describes events that were not delivered.
type Loss struct {
	Kind  Kind // KindNone if nobody can know it
	Stage Reason
	CPU   int // -1 where no CPU can be named
	Count uint64
	First time.Time
	Last  time.Time
}

// LossEvent makes the event that tells of a loss, and counts it.
func (l *Ledger) LossEvent(provider string, loss Loss) *Event {
	l.Synthesized(KindEventsLost, 1)
	return &Event{Kind: KindEventsLost, Provider: provider, Time: time.Now(), Loss: &loss}
}

// Lose counts what a source has lost before it could count it as generated, and
// makes the event that tells of it.
func (l *Ledger) Lose(provider string, loss Loss) *Event {
	l.Generated(loss.Kind, loss.Count)
	l.Dropped(loss.Stage, loss.Kind, loss.Count)
	return l.LossEvent(provider, loss)
}
