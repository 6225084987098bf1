// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// A trouble is that the disk cannot be written to: it is full, broken or read-only.
// What comes meanwhile stays in memory.
type trouble struct {
	err   error         // nil if there is none
	pause time.Duration // between two attempts
	retry time.Time     // when the next one is due
	ended time.Time     // when the last trouble was over
}

const (
	leastPause = time.Second
	mostPause  = time.Minute
)

// store writes to a segment's file what it lacks, unless the disk is in trouble.
func (s *Spool) store(seg *segment) {
	if s.dir == nil || s.trouble.err != nil {
		return
	}
	named := seg.named
	err := seg.store()
	s.named = s.named || seg.named != named
	if err != nil {
		s.fail(err)
	}
}

// fail notes that the disk could not be written to. The caller holds mu.
func (s *Spool) fail(err error) {
	t := &s.trouble
	if t.err != nil {
		return
	}
	s.options.Log.Error("the spool cannot be written to: events are kept in memory until it can", "error", err, "bytes", s.memory)
	now := time.Now()
	if now.Sub(t.ended) > mostPause {
		t.pause = leastPause
	}
	t.err = err
	t.wait(now)
}

// wait puts the next attempt off.
func (t *trouble) wait(now time.Time) {
	t.retry = now.Add(t.pause)
	t.pause = min(2*t.pause, mostPause)
}

// mend writes to the disk what is in memory alone, if it is time to try again.
func (s *Spool) mend() {
	t := &s.trouble
	now := time.Now()
	if t.err == nil || now.Before(t.retry) {
		return
	}
	if t.err = s.attempt(); t.err != nil {
		t.wait(now)
		return
	}
	t.ended = now
	s.options.Log.Info("the spool is written to again")
}

// attempt stores whatever is not stored.
func (s *Spool) attempt() error {
	if err := s.dir.sign(); err != nil {
		return err
	}
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if err := seg.store(); err != nil {
				return err
			}
			if seg.closed {
				seg.release()
			}
		}
	}
	return s.state.write(s.next(false))
}

// checkpoint writes what is settled, and then removes the files of which nothing is left.
func (s *Spool) checkpoint() {
	if s.dir == nil || s.closed {
		return
	}
	if err := s.state.write(s.next(false)); err != nil {
		s.fail(err)
		return
	}
	s.bury()
}

// bury removes the files of which nothing is left.
func (s *Spool) bury() {
	for _, path := range s.doomed {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.options.Log.Warn("a file of the spool cannot be removed", "error", err)
		}
	}
	s.doomed = s.doomed[:0]
}

// next is the next state.
func (s *Spool) next(clean bool) *state {
	s.last.generation++
	s.last.clean = clean
	s.last.age = s.age.note()
	for i, l := range s.logs() {
		s.last.logs[i] = logState{l.end, l.settled}
	}
	return &s.last
}

// mostUnsynced is how many closed segments may wait for fsync.
const mostUnsynced = 16

// sync makes durable what is in the files. The caller does not hold mu: it takes long.
func (s *Spool) sync() {
	type file struct {
		*segment
		*os.File
		stored int
	}
	var files []file
	s.mu.Lock()
	for _, seg := range s.unsynced {
		if seg.file != nil {
			files = append(files, file{seg, seg.file, seg.stored})
		}
	}
	s.unsynced = nil
	for _, l := range s.logs() {
		if seg := l.open(); seg != nil && seg.file != nil && seg.stored > seg.synced {
			files = append(files, file{seg, seg.file, seg.stored})
		}
	}
	named := s.named
	s.named = false
	s.mu.Unlock()

	var failed error
	for _, f := range files {
		if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // closed: its records are settled or dropped
			failed = errors.Join(failed, err)
		}
	}
	if named {
		failed = errors.Join(failed, s.dir.sync())
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range files {
		if failed == nil {
			f.synced = f.stored
		} else if f.data != nil {
			f.segment.stored = f.synced // the kernel forgets what it could not write: to be written again
		}
		if f.closed {
			f.release()
		}
	}
	if failed != nil {
		s.fail(fmt.Errorf("sync spool: %w", failed))
	}
}

// maintain does what is to be done from time to time, until ctx ends.
func (s *Spool) maintain(ctx context.Context) {
	defer close(s.stopped)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		s.expire()
		s.mend()
		if len(s.doomed) > 0 {
			s.checkpoint()
		}
		s.mu.Unlock()
		if s.options.Sync == SyncInterval {
			s.sync()
		}
		s.tell()
	}
}
