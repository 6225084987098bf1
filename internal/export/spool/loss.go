// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"time"

	"sensor/internal/events"
)

// lose counts spooled events as dropped, and remembers to tell of them.
func (s *Spool) lose(reason events.Reason, kind events.Kind, n uint64, first, last int64) {
	if n > 0 {
		s.options.Ledger.Unspooled(kind, n)
		s.lost(events.Loss{Kind: kind, Stage: reason, CPU: -1, Count: n, First: timeOf(first), Last: timeOf(last)})
		s.notify() // it may have been the last one
	}
}

// refuse drops an entry that was not spooled.
func (s *Spool) refuse(reason events.Reason, e *Entry) {
	s.lost(events.Loss{Kind: e.Kind, Stage: reason, CPU: -1, Count: 1, First: e.Time, Last: e.Time})
}

// lost counts a loss, and adds it to those that are to be told. The caller holds mu.
func (s *Spool) lost(loss events.Loss) {
	s.options.Ledger.Dropped(loss.Stage, loss.Kind, loss.Count)
	if loss.Stage == events.ReasonSpoolDamaged {
		s.damaged += loss.Count
	}
	for i := range s.losses {
		sum := &s.losses[i]
		if sum.Kind != loss.Kind || sum.Stage != loss.Stage {
			continue
		}
		sum.Count += loss.Count
		if sum.First.IsZero() || !loss.First.IsZero() && loss.First.Before(sum.First) {
			sum.First = loss.First
		}
		if loss.Last.After(sum.Last) {
			sum.Last = loss.Last
		}
		return
	}
	s.losses = append(s.losses, loss)
}

// logEach is how often losses are logged, at most: the stream and the counters tell of each.
const logEach = time.Minute

// tell tells of what was lost. The caller does not hold mu: who is told may wait for who appends.
func (s *Spool) tell() {
	s.mu.Lock()
	losses := s.losses
	s.losses = nil
	quiet := len(losses) == 0 || time.Since(s.logged) < logEach
	if !quiet {
		s.logged = time.Now()
	}
	s.mu.Unlock()
	for _, loss := range losses {
		if !quiet {
			s.options.Log.Warn("the spool has lost events", "reason", loss.Stage, "kind", loss.Kind, "count", loss.Count)
		}
		s.options.Lost(loss)
	}
}
