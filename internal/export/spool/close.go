// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"slices"

	"sensor/internal/events"
)

// Close ends the use of the spool. What is on disk stays there for the next run,
// also what is in batches that are out; what is in memory alone is dropped. It returns no
// error for a trouble that has been logged before.
func (s *Spool) Close() error {
	s.stop()
	<-s.stopped
	s.appending.Lock()
	defer s.appending.Unlock()
	defer s.tell()
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.notify()
	known := s.trouble.err != nil // and said
	if s.dir != nil {
		s.miss() // of all segments: what is said to be on disk is
		if err := s.attempt(); err != nil {
			s.fail(err)
		} else {
			s.trouble.err = nil
		}
	}
	for _, l := range s.logs() {
		for _, seg := range slices.Clone(l.segments) {
			s.dropUnstored(l, seg)
			seg.closed = true
			s.retire(l, seg)
		}
	}
	if s.dir == nil {
		return nil
	}
	err := s.closeFiles()
	if err == nil {
		return nil
	}
	if known { // the losses are counted, and what comes again has the same id
		s.options.Log.Warn("the spool is closed while its disk is in trouble: what was settled since that began may come again", "error", err)
		return nil
	}
	return fmt.Errorf("close spool: %w", err)
}

// dropUnstored drops what waits in a segment and is in memory alone.
func (s *Spool) dropUnstored(l *classLog, seg *segment) {
	if !seg.inMemory() {
		return
	}
	waits := seg.waits
	seg.waits = nil
	for _, w := range waits {
		for offset := w.from; offset < w.to; {
			r := header(seg.data[offset:])
			one := span{run{r.sequence, r.sequence + 1}, offset, offset + r.header + r.body, r.spooled}
			if offset = one.to; one.from < seg.stored {
				seg.waits = extend(seg.waits, one)
				continue
			}
			kind := s.kinds[string(r.kind)]
			seg.kinds[kind]--
			seg.waiting--
			l.waiting--
			l.settled.add(one.first, one.end)
			s.lose(events.ReasonShutdown, kind, 1, r.time, r.time)
		}
	}
}

func (s *Spool) closeFiles() error {
	var errs []error
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if seg.file != nil && s.options.Sync != SyncNever {
				errs = append(errs, seg.file.Sync())
			}
			seg.release()
		}
	}
	err := s.state.close(s.next(true), s.options.Sync != SyncNever)
	if err == nil {
		s.bury()
	}
	return errors.Join(append(errs, err, s.dir.close())...)
}
