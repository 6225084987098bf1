// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"github.com/vishvananda/netlink"

	"sensor/internal/events"
)

// behind is how many messages may wait for their processes to be described: if
// there are more, most have ended, and describing the rest would lose more.
const behind = 1024

// receive tells one message, unless it is about a thread or was before the source was live.
func (s *Source) receive(m *message, emit func(*events.Event)) {
	s.intake.took(m)
	at := s.clocks.boot(m)
	if at < s.live {
		return
	}
	switch m.what {
	case netlink.PROC_EVENT_EXIT:
		s.end(m, emit)
		return
	case netlink.PROC_EVENT_EXEC:
		delete(s.leaders, m.tgid) // another thread has taken its place
	case netlink.PROC_EVENT_FORK:
		if e, ok := s.leaders[m.tgid]; ok && m.pid == m.tgid { // nothing was left of it: its pid was given away
			s.tellEnd(&e, emit)
		}
	}
	kind, ok := s.served[m.what]
	if !ok {
		return
	}
	p := s.describe(m, at)
	switch m.what {
	case netlink.PROC_EVENT_FORK:
		if p.StartKey != 0 && p.StartKey < s.live {
			return // it is in the snapshot
		}
		born(p, m)
	case netlink.PROC_EVENT_EXEC:
		if s.intake.superseded(m.tgid) {
			forgetImage(p)
		}
	case netlink.PROC_EVENT_UID:
		p.Credentials.Real.ID, p.Credentials.Effective.ID = m.value[realID], m.value[effectiveID]
	case netlink.PROC_EVENT_GID:
		p.Credentials.RealGroup.ID, p.Credentials.EffectiveGroup.ID = m.value[realID], m.value[effectiveID]
	case netlink.PROC_EVENT_SID:
		p.GroupLeaderPID, p.SessionPID = m.tgid, m.tgid
	}
	s.tell(&events.Event{Kind: kind, Time: s.clocks.Wall(at), Process: p}, emit)
}

// born fits what was read of a new process to what it was when it was new. Its
// image is its creator's, or already another: the table of processes knows. With
// CLONE_PARENT the creator is a sibling, which the connector does not tell.
func born(p *events.Process, m *message) {
	if !p.KernelThread {
		forgetImage(p)
	}
	if p.ParentPID != m.parent {
		p.ParentPID, p.ParentStartKey = m.parent, 0
	}
	p.CreatorPID, p.CreatorStartKey = p.ParentPID, p.ParentStartKey
}

func forgetImage(p *events.Process) {
	p.Executable, p.Args, p.Name, p.ThreadName = events.Path{}, events.Args{}, "", ""
}

// describe reads what /proc still knows of a process.
func (s *Source) describe(m *message, at uint64) *events.Process {
	p := &events.Process{PID: m.tgid, TID: m.pid}
	if len(s.intake.messages) > behind {
		s.learnStart(p, at)
		return p
	}
	if found, err := s.proc.Process(m.tgid); err == nil && !later(found.StartKey, at) {
		found.TID = m.pid
		return found
	}
	return p
}

// learnStart fills when a process started, if it is still there.
func (s *Source) learnStart(p *events.Process, at uint64) {
	if life, err := s.proc.Life(p.PID); err == nil && !later(life.Start, at) && life.Start != 0 {
		p.StartKey, p.Start = life.Start, s.clocks.Wall(life.Start)
	}
}

// later reports whether a process started after an event that is about its pid: it is another.
func later(start, at uint64) bool { return start > at+uint64(clockNoise) }

// tell completes an event and emits it.
func (s *Source) tell(e *events.Event, emit func(*events.Event)) {
	e.ID = s.options.IDs.Of(e.Kind.Traits().Class, 0, s.sequence)
	s.sequence++
	e.Provider, e.Outcome = Name, events.OutcomeSuccess
	s.options.Ledger.Generated(e.Kind, 1)
	emit(e)
}
