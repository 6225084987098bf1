// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"time"

	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

// The connector tells the end of each thread, and not which was the last. A
// process has ended when its leader has and no other thread is there. Leaders
// that ended and left threads are looked at again when a thread ends, and now
// and then: the last one may still be there when its end is told.

// leaders are the processes whose leader has ended and whose threads may not have, by tgid.
type leaders map[uint32]ended

// ended is the last thread that was told to have ended.
type ended struct {
	message
	start uint64
}

const (
	lookAgain   = 50 * time.Millisecond
	mostLeaders = 4096
)

// end tells that a process has ended, if this was its last thread.
func (s *Source) end(m *message, emit func(*events.Event)) {
	before, leaderless := s.leaders[m.tgid]
	if m.pid != m.tgid && !leaderless {
		return // its leader lives
	}
	if s.intake.superseded(m.tgid) {
		return // a thread has taken the leader's place, however the process has gone on since
	}
	e := ended{message: *m, start: before.start}
	life, err := s.proc.Life(m.tgid)
	if err == nil && !later(life.Start, s.clocks.boot(m)) {
		e.start = life.Start
	}
	if !over(life, err, e.start) && (leaderless || len(s.leaders) < mostLeaders) {
		if s.leaders == nil {
			s.leaders = leaders{}
		}
		s.leaders[m.tgid] = e
		return
	}
	s.tellEnd(&e, emit)
}

// over reports whether nothing is left of a process that started then. One that
// lives on, because a thread that executes a program takes the leader's place,
// is not over either.
func over(life snapshot.Life, err error, start uint64) bool {
	return err != nil || life.Start != start || life.LeaderEnded && life.Threads <= 1
}

// lookAfterLeaders tells of the processes without a leader that have ended since.
func (s *Source) lookAfterLeaders(emit func(*events.Event)) {
	for tgid, e := range s.leaders {
		life, err := s.proc.Life(tgid)
		switch {
		case over(life, err, e.start):
			s.tellEnd(&e, emit)
		case !life.LeaderEnded: // its exec is lost
			delete(s.leaders, tgid)
		}
	}
}

// tellEnd tells the end of a process. The status is that of the thread that was
// told last. For wait(2) that is so if the process ended as a whole; if each
// thread ended alone it is the leader's, which in practice is the same: 0.
func (s *Source) tellEnd(e *ended, emit func(*events.Event)) {
	delete(s.leaders, e.tgid)
	at := s.clocks.boot(&e.message)
	p := &events.Process{PID: e.tgid, TID: e.pid, ParentPID: e.parent}
	if e.start != 0 {
		p.StartKey, p.Start = e.start, s.clocks.Wall(e.start)
	}
	s.tell(&events.Event{
		Kind: events.KindExit, Time: s.clocks.Wall(at), Process: p,
		End: &events.End{Status: e.value[exitStatus]},
	}, emit)
}
