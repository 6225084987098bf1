// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
)

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
		s.last.logs[i] = logState{l.taken, l.settled}
	}
	return &s.last
}
