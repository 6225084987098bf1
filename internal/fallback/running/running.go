// SPDX-License-Identifier: Apache-2.0

// Package running tells of the processes that already run when a source begins,
// from /proc: for sources whose kernel interface tells of changes alone.
package running

import (
	"cmp"
	"slices"

	"sensor/internal/events"
)

// Proc lists processes. [snapshot.Reader] is one.
//
// [snapshot.Reader]: sensor/internal/process/snapshot
type Proc interface {
	// All gives every process to yield until that returns false. The error is
	// about processes that could not be read; the others were given.
	All(yield func(*events.Process) bool) error
}

// slot stands for a scratch slot in the ids of these events.
const slot = 1 << 16

// Emit emits an already_running event for each process that started before
// live, in ns since boot, parents first, and counts it as synthesized. Who
// started later is told by the source that calls. provider is that source's name
// and ids are its own.
//
// The start times of /proc are rounded down to 10 ms: live should be a multiple
// of that, or processes of the last tick before it are told twice.
//
// The error is that of proc.All: what could be read has been emitted.
func Emit(proc Proc, live uint64, provider string, ids events.IDs, ledger *events.Ledger, emit func(*events.Event)) error {
	var found []*events.Process
	err := proc.All(func(p *events.Process) bool {
		if p.StartKey < live {
			found = append(found, p)
		}
		return true
	})
	slices.SortFunc(found, func(a, b *events.Process) int {
		return cmp.Or(cmp.Compare(a.StartKey, b.StartKey), cmp.Compare(a.PID, b.PID))
	})
	for i, p := range found {
		ledger.Synthesized(events.KindAlreadyRunning, 1)
		emit(&events.Event{
			Kind: events.KindAlreadyRunning, Provider: provider, Outcome: events.OutcomeSuccess,
			ID:      ids.Of(events.ClassCritical, slot, uint64(i)),
			Time:    p.Start,
			Process: p,
		})
	}
	return err
}
