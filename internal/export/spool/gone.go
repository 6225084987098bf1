// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

var (
	errGone  = errors.New("files of the spool are gone")
	errOther = errors.New("there are events of another run, which are taken over at the next start")
)

// inspect looks whether somebody has removed the files that are written to: what
// goes into those is nowhere. It is a trouble, which ends when all is made anew.
func (s *Spool) inspect() {
	if s.dir != nil && s.trouble.err == nil && s.gone() {
		s.miss()
		s.fail(errGone)
	}
}

// gone reports whether the directory, or a file that is open, is no longer where it was.
func (s *Spool) gone() bool {
	if s.dir.gone() || s.state.gone() {
		return true
	}
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			if seg.file != nil && gone(seg.path, seg.file) {
				return true
			}
		}
	}
	return false
}

// miss drops what was in files that are gone, and has what is in memory too written again.
func (s *Spool) miss() {
	for _, l := range s.logs() {
		for _, seg := range slices.Clone(l.segments) {
			if !seg.named || !gone(seg.path, seg.file) {
				continue
			}
			seg.release()
			seg.named = false
			if seg.data == nil {
				s.drop(l, seg, events.ReasonSpoolDamaged)
				continue
			}
			seg.stored, seg.synced = 0, 0
		}
	}
}

// renew makes anew what is gone of the spool's other files.
func (s *Spool) renew() error {
	if s.dir.gone() {
		if err := s.reopen(); err != nil {
			return fmt.Errorf("make spool anew: %w", err)
		}
	}
	if s.state.gone() {
		s.state.discard()
	}
	return nil
}

// reopen takes the directory again, unless another run's events are in it: their
// files may have the names that this run's will.
func (s *Spool) reopen() error {
	if err := s.dir.open(); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, path := range s.doomed {
		known[path] = true
	}
	for _, l := range s.logs() {
		for _, seg := range l.segments {
			known[seg.path] = seg.named
		}
		firsts, err := s.dir.segments(l.class)
		for _, first := range firsts {
			if !known[s.dir.segmentName(l.class, first)] {
				err = errOther
			}
		}
		if err != nil {
			return errors.Join(err, s.dir.close())
		}
	}
	if s.state.file == nil {
		s.state.discard() // whoever's it is
	}
	s.named = true
	return nil
}

// gone reports whether the directory is no longer the one that is locked.
func (d *directory) gone() bool {
	return d.lock == nil || gone(filepath.Join(d.path, formatName), d.lock)
}

func (f *stateFile) gone() bool { return f.file != nil && gone(f.path, f.file) }

// discard has the file made anew.
func (f *stateFile) discard() {
	if f.file != nil {
		_ = f.file.Close() // nobody will read it
		f.file = nil
	}
	_ = os.Remove(f.path) // else it cannot be written, which is told
}

// gone reports whether there is no such file, or another one than is open. file may be nil.
func gone(path string, file *os.File) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
	}
	if file == nil {
		return false
	}
	open, err := file.Stat()
	return err == nil && !os.SameFile(there, open)
}
