// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"unsafe"

	"sensor/internal/clock"
	"sensor/internal/events"
)

const socketsProgram = "sockets_snapshot"

// rememberSockets enters the sockets that are open already, and whose they are,
// into the kernel's map. It comes after the programs are live, whose entries win.
func (s *Source) rememberSockets() error {
	f := s.familyOf(socketsProgram)
	if f == nil || f.programs[socketsProgram] == nil {
		return nil
	}
	_, err := f.iterate(socketsProgram)
	return err
}

// attemptSlot stands for a CPU in the ids of attempts that are told at the end.
const attemptSlot = 1 << 17

// openAttempts tells, at the end, the connects whose outcome is still unknown.
func (s *Source) openAttempts(emit func(*events.Event)) error {
	row, ok := s.rows[events.KindConnect]
	if !ok {
		return nil
	}
	var errs []error
	var key uint64
	var r networkRecord
	n := uint64(0)
	now, err := clock.BootTime()
	if err != nil {
		return err
	}
	sockets := s.familyOf(socketsProgram).shared.Maps[networkMapSockets].Iterate()
	for sockets.Next(&key, &r) {
		if kindOf(r.Header.Kind) != events.KindConnect {
			continue
		}
		r.Header.Length, r.Header.Time = uint32(unsafe.Sizeof(r)), now
		e, _, err := row.decode(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), &s.clock, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.ID = s.options.IDs.Of(events.ClassBulk, attemptSlot, n)
		e.Provider = Name
		n++
		s.options.Ledger.Synthesized(e.Kind, 1)
		emit(e)
	}
	if err := sockets.Err(); err != nil {
		errs = append(errs, fmt.Errorf("read open attempts: %w", err))
	}
	return errors.Join(errs...)
}
