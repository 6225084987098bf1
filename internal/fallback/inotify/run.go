// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"context"
	"errors"
	"slices"
	"time"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/baseline"
	"sensor/internal/fallback/inotify/tree"
)

// How often the loop looks at the time: while changes are not told yet, and else.
const (
	soon  = 100 * time.Millisecond
	later = time.Second
)

// saving is about the baseline.
type saving struct {
	due  bool       // it is not what is on the disk any more
	last time.Time  // when it was saved
	done chan error // nil unless it is being saved
}

var errQueue = errors.New("the kernel's notifications have ended")

// Run implements [events.Source]: it tells what Open has found and then what happens.
// At the end it tells what is queued, without hashes if these would take long, and
// saves the baseline.
func (s *Source) Run(ctx context.Context, emit func(*events.Event)) error {
	s.emit = emit
	for _, e := range s.early {
		emit(e)
	}
	s.early = nil
	w := newWorker(s.set, s.options.MaxFileSize, s.options.Rate)
	healed := time.Now()
	s.saving.last = healed.Add(-s.timing.save) // at once: whoever is killed has one, too, and a bad path is told
	timer := time.NewTimer(soon)
	defer timer.Stop()
	wait := soon
	working := make(chan struct{})
	close(working)
	for {
		var jobs chan<- *job
		next := s.nextJob()
		if next != nil {
			jobs = w.jobs
		}
		var tasks <-chan struct{} // of all that is ready one is taken by chance, so none starves
		if len(s.tasks) > 0 {
			tasks = working
		}
		select {
		case <-ctx.Done():
			s.drain(w)
			return s.finalSave()
		case e, ok := <-s.queue.events:
			if !ok {
				w.stop()
				return errors.Join(errQueue, s.finalSave())
			}
			s.notice(e)
		case <-s.queue.faults:
			s.faults()
		case <-tasks:
			s.step()
		case jobs <- next:
			s.hashing.next, s.hashing.busy = nil, true
		case j := <-w.results:
			s.hashed(j)
		case now := <-timer.C:
			s.settle(now)
			s.expire()
			s.progress(now)
			if now.Sub(healed) >= s.timing.heal {
				healed = now
				s.heal()
			}
			s.save(now)
			wait = later
			if s.restless() {
				wait = soon
			}
			timer.Reset(wait)
		}
		if wait == later && s.restless() {
			wait = soon
			timer.Reset(wait)
		}
	}
}

// restless reports whether something waits for its time.
func (s *Source) restless() bool {
	return len(s.changes.settling)+len(s.names.leaving)+len(s.names.displaced)+len(s.names.doubtful) > 0
}

// faults takes what has gone wrong with the queue. All is looked at again where
// notifications are lost.
func (s *Source) faults() {
	overflows, err := s.queue.take()
	if err != nil {
		s.options.Log.Warn("inotify", "error", err)
	}
	if overflows == 0 {
		return
	}
	s.options.Log.Warn("the kernel's queue was full and notifications are lost: all files are looked at again; raise fs.inotify.max_queued_events", "times", overflows)
	s.lost(overflows)
	s.lookAgain()
}

// lookAgain has all files compared with what is known of them.
func (s *Source) lookAgain() {
	if s.rescan = true; len(s.tasks) == 0 {
		s.rescan = false
		s.push(s.root, manner{deep: true, offline: true})
	}
}

// heal looks at what no notification tells of: directories without a watch, and mounts.
func (s *Source) heal() {
	s.watch.report(s.options.Log)
	for n := range s.watch.blind {
		s.push(n, manner{offline: true})
	}
	if mounts := s.readMounts(); !slices.Equal(mounts, s.mounts) {
		s.mounts = mounts
		s.lookAgain()
	}
}

// drain takes what is left. It gives up after a while: what then is neither read nor
// told is found by the next start.
func (s *Source) drain(w *worker) {
	deadline := time.NewTimer(s.timing.drain)
	defer deadline.Stop()
	idle := time.NewTimer(soon) // fsnotify passes on what it has within that
	defer idle.Stop()
	for open, ended := true, false; open && !ended; {
		select {
		case e, ok := <-s.queue.events:
			if open = ok; ok {
				s.notice(e)
				idle.Reset(soon)
			}
		case <-s.queue.faults:
			s.faults()
		case j := <-w.results:
			s.hashed(j)
		case <-idle.C:
			ended = true
		case <-deadline.C:
			ended = true
		}
	}
	for name, d := range s.names.leaving {
		s.departed(name, d)
	}
	for until := time.Now().Add(s.timing.drain); len(s.tasks)+len(s.names.doubtful) > 0 && time.Now().Before(until); {
		for name := range s.names.doubtful {
			s.verify(name)
		}
		if len(s.tasks) > 0 {
			s.step()
		}
	}
	if len(s.tasks) > 0 { // nobody has judged what is gone
		for _, n := range s.scanning.gone {
			if parent := n.Parent; parent.Directory != nil && parent.Child(n.Name) == nil {
				n.Attach(parent, n.Name)
			}
		}
	}
	s.hashRest(w)
	w.stop()
	for n, c := range s.changes.of {
		if s.options.Baseline != "" && c.find(suspected) != nil && len(c.ops) == 1 && s.hashable(n) {
			s.changes.drop(n)
			n.Status, n.Hashes = c.before, c.hashes // left to be found by the next start
			continue
		}
		s.finish(n)
	}
}

// hashRest has read what has changed, while there is time.
func (s *Source) hashRest(w *worker) {
	for n, c := range s.changes.of {
		if !c.hashing {
			s.settled(n, c, true)
		}
	}
	s.hashing.unhashed = nil
	deadline := time.NewTimer(s.timing.drain)
	defer deadline.Stop()
	for {
		var jobs chan<- *job
		next := s.nextJob()
		if next != nil {
			jobs = w.jobs
		} else if !s.hashing.busy {
			return
		}
		select {
		case jobs <- next:
			s.hashing.next, s.hashing.busy = nil, true
		case j := <-w.results:
			s.hashed(j)
		case <-deadline.C:
			return
		}
	}
}

// save writes the baseline from time to time, when nothing is untold that it would
// already hold.
func (s *Source) save(now time.Time) {
	if s.saving.done != nil {
		select {
		case err := <-s.saving.done:
			s.saved(err)
		default:
			return
		}
	}
	if !s.saving.due || s.options.Baseline == "" || now.Sub(s.saving.last) < s.timing.save {
		return
	}
	if s.restless() && now.Sub(s.saving.last) < 2*s.timing.save {
		return
	}
	s.saving.last, s.saving.due = now, false
	s.saving.done = make(chan error, 1)
	path, bytes := s.options.Baseline, baseline.Encode(s.root, s.set, s.scope.words())
	go func(done chan<- error) { done <- baseline.Save(path, bytes) }(s.saving.done)
}

func (s *Source) saved(err error) {
	s.saving.done = nil
	if err != nil {
		s.saving.due = true
		s.options.Log.Error("what changes while the sensor is off may not be found", "error", err)
	}
}

// finalSave writes the baseline at the end.
func (s *Source) finalSave() error {
	if s.options.Baseline == "" {
		return nil
	}
	if s.saving.done != nil {
		s.saved(<-s.saving.done)
	}
	for n := range s.root.All() {
		if n.Directory == nil {
			continue
		}
		// By their times directories are found under other names.
		if st, err := tree.Stat(n.Path()); err == nil && st.Same(n.Status) && st.SameRights(n.Status) {
			n.Status = st
		}
	}
	return baseline.Save(s.options.Baseline, baseline.Encode(s.root, s.set, s.scope.words()))
}
