// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// account reads the counters and says what was lost.
func (s *Source) account(emit func(*events.Event)) error {
	losses, err := s.counters.read(s.options.Ledger, &s.clock)
	for _, loss := range losses {
		s.tell(loss, emit)
	}
	return err
}

// abandon accounts for what stays in a ring that cannot be read any more.
func (s *Source) abandon(emit func(*events.Event)) {
	for kind := range s.counters.programs {
		// What was counted last may be older than what was received since.
		if sent := s.counters.sent(kind); sent > s.received[kind] {
			left := sent - s.received[kind]
			s.options.Ledger.Dropped(events.ReasonReader, kind, left)
			s.tell(events.Loss{Kind: kind, Stage: events.ReasonReader, CPU: -1, Count: left}, emit)
		}
	}
}

// tell puts a loss into the stream.
func (s *Source) tell(loss events.Loss, emit func(*events.Event)) {
	emit(s.options.Ledger.LossEvent(Name, loss))
}

// stop makes the programs do nothing, waits until none runs that has not seen
// it, and detaches them: from then on the counters stand still.
func (s *Source) stop() error {
	errs := []error{variable{s, processVarStopped}.Set(uint32(1))}
	for _, f := range s.families {
		errs = append(errs, f.detach())
	}
	// MEMBARRIER_CMD_GLOBAL is synchronize_rcu: all programs run as its readers,
	// also those that can be preempted, so it returns when the last of them has ended.
	const membarrierCmdGlobal = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierCmdGlobal, 0, 0); errno != 0 {
		// Not there with nohz_full, or filtered by seccomp.
		s.options.Log.Warn("waiting until the counters stand still", "membarrier", errno)
		errs = append(errs, s.counters.standStill())
	}
	return errors.Join(errs...)
}

// Close frees what Open took. The programs are gone when it returns.
func (s *Source) Close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
		s.reader = nil
	}
	for _, f := range s.families {
		errs = append(errs, f.close())
	}
	s.families = nil
	return errors.Join(errs...)
}

// summarySlot stands for a CPU in the ids of summaries that are made here.
const summarySlot = attemptSlot + 1

// summarise tells what was written to files that are still open: what is due, or
// at the end all of it.
func (s *Source) summarise(emit func(*events.Event), all bool) error {
	if s.summaries == nil {
		return nil
	}
	now, err := clock.BootTime()
	if err != nil {
		return err
	}
	list, err := s.summaries.due(now, &s.clock)
	if all {
		more, restErr := s.summaries.rest(&s.clock)
		list, err = append(list, more...), errors.Join(err, restErr)
	}
	for _, e := range list {
		s.summaries.n++
		e.ID = s.options.IDs.Of(events.ClassBulk, summarySlot, s.summaries.n)
		e.Provider = Name
		s.options.Ledger.Synthesized(e.Kind, 1)
		emit(e)
	}
	return err
}
