// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sensor/internal/events"
)

const snapshotProgram = "process_snapshot"

// snapshot emits the processes that started before liveSince, parents first. It
// comes after the rings are open and before they are read, so what such a
// process does from then on follows.
func (s *Source) snapshot(emit func(*events.Event)) error {
	if _, ok := s.rows[events.KindAlreadyRunning]; !ok {
		return nil
	}
	seen := map[uint32]bool{}
	found, self, err := s.iterated(seen)
	errs := []error{err}
	proc, err := s.options.Proc(self, s.clock.Wall)
	if err != nil {
		errs = append(errs, err)
	} else {
		for _, e := range found {
			if packed, ok := proc.Cmdline(e.Process.PID, e.Process.StartKey); ok {
				e.Process.Args = events.Args{Packed: packed, Cut: !strings.HasSuffix(packed, "\x00")}
			}
		}
		errs = append(errs, s.dropStaleArgs(found))
		others, err := s.others(proc, seen)
		found = append(found, others...)
		errs = append(errs, err)
	}
	slices.SortFunc(found, func(a, b *events.Event) int {
		return cmp.Or(cmp.Compare(a.Process.StartKey, b.Process.StartKey), cmp.Compare(a.Process.PID, b.Process.PID))
	})
	for _, e := range found {
		s.options.Ledger.Synthesized(e.Kind, 1)
		emit(e)
	}
	return errors.Join(errs...)
}

// iterated gives what the task iterator saw, and the sensor's own tgid in the
// initial pid namespace. It enters their pids into seen.
func (s *Source) iterated(seen map[uint32]bool) (found []*events.Event, self uint32, err error) {
	if s.families[0].programs[snapshotProgram] == nil {
		return nil, 0, nil
	}
	raw, err := s.families[0].iterate(snapshotProgram)
	if err != nil {
		return nil, 0, err
	}
	errs := []error{s.families[0].shared.Variables[processVarSelfTgid].Get(&self)}
	for len(raw) > 0 {
		length := 0
		if len(raw) > lengthOffset+4 {
			length = int(binary.NativeEndian.Uint32(raw[lengthOffset:]))
		}
		if length <= 0 || length > len(raw) {
			errs = append(errs, fmt.Errorf("cut snapshot: a record of %d bytes in %d", length, len(raw)))
			break
		}
		e, h, err := s.decode(raw[:length])
		raw = raw[length:]
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if seen[e.Process.PID] {
			continue // another of its threads
		}
		seen[e.Process.PID] = true
		if e.Process.StartKey >= s.liveSince {
			continue // the ring has its fork
		}
		e.ID = s.options.IDs.Of(h.kind.Traits().Class, h.slot, h.sequence)
		e.Provider = Name
		found = append(found, e)
	}
	return found, self, errors.Join(errs...)
}

// procSlot stands for a scratch slot in the ids of what came from /proc.
const procSlot = 1 << 16

// dropStaleArgs takes the arguments from processes that have executed another
// program since the iterator saw them: they may be the other program's.
func (s *Source) dropStaleArgs(found []*events.Event) error {
	again, _, err := s.iterated(map[uint32]bool{})
	now := map[uint32]uint64{}
	for _, e := range again {
		now[e.Process.PID] = e.Process.ExecID
	}
	for _, e := range found {
		if id, ok := now[e.Process.PID]; !ok || id != e.Process.ExecID {
			e.Process.Args = events.Args{}
		}
	}
	return err
}

// others gives the processes of /proc that the iterator did not show. Some
// kernels hide the first process from it.
func (s *Source) others(proc Proc, seen map[uint32]bool) ([]*events.Event, error) {
	pids, err := proc.PIDs()
	if err != nil {
		return nil, err
	}
	var others []*events.Event
	for _, pid := range pids {
		if seen[pid] {
			continue
		}
		p, err := proc.Process(pid)
		if err != nil || p.StartKey >= s.liveSince {
			continue // it is gone, or the ring has it
		}
		others = append(others, &events.Event{
			Kind: events.KindAlreadyRunning, Provider: Name, Outcome: events.OutcomeSuccess,
			ID:      s.options.IDs.Of(events.ClassCritical, procSlot, uint64(len(others))),
			Time:    p.Start,
			Process: p,
		})
	}
	return others, nil
}
