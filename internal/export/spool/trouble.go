// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"time"
)

// A trouble is that the disk cannot be written to: it is full, broken or read-only.
// What comes meanwhile stays in memory.
type trouble struct {
	err   error     // nil if there is none
	ended time.Time // when the last trouble was over
	backoff
}

// A backoff says when something that failed is tried again.
type backoff struct {
	pause time.Duration // between two attempts
	retry time.Time     // when the next one is due
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
		t.pause = 0
	}
	t.err = err
	t.wait(now)
}

// wait puts the next attempt off.
func (b *backoff) wait(now time.Time) {
	b.pause = min(max(leastPause, 2*b.pause), mostPause)
	b.retry = now.Add(b.pause)
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
	if s.gone() {
		s.miss()
		if err := s.renew(); err != nil {
			return err
		}
	}
	if err := s.dir.sign(); err != nil {
		return err
	}
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if !seg.inMemory() {
				continue
			}
			if err := seg.store(); err != nil {
				return err
			}
			s.named = true
			if seg.closed {
				s.seal(seg)
			}
		}
	}
	return s.state.write(s.next(false))
}

// shrink drops what is too much in memory: all of an Append is there before it is known
// that the disk does not take it.
func (s *Spool) shrink() {
	for s.trouble.err != nil && s.inMemory() > s.memory && s.evict(&s.critical, true) {
	}
}

// inMemory counts the bytes of the segments that are not wholly on disk.
func (s *Spool) inMemory() int {
	var n int
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if seg.inMemory() {
				n += seg.size
			}
		}
	}
	return n
}
