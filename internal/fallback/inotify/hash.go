// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"context"
	"sync"
	"time"

	"sensor/internal/events"
	"sensor/internal/fallback/inotify/content"
	"sensor/internal/fallback/inotify/hashes"
	"sensor/internal/fallback/inotify/tree"
)

// hashing is what is to be read: first what has changed, then what has no hashes yet.
type hashing struct {
	waiting  []*tree.Node
	unhashed []*tree.Node
	next     *job // to be given to the worker
	busy     bool // the worker has one

	begun, shown time.Time // the reading of what has no hashes yet
	files, bytes uint64
	failed       uint64
}

// job is a file to be read, and then what came of it.
type job struct {
	node   *tree.Node
	change *change // nil if the file has only no hashes yet
	path   string
	want   tree.Status

	sum string
	got tree.Status
	err error
}

// worker reads files in a goroutine of its own, so that watching never waits for it.
type worker struct {
	jobs    chan *job
	results chan *job
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func newWorker(set *hashes.Set, most, rate int64) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{jobs: make(chan *job), results: make(chan *job, 1), cancel: cancel}
	reader := content.New(set, most, rate)
	w.done.Go(func() {
		for j := range w.jobs {
			j.sum, j.got, j.err = reader.Sum(ctx, j.path, j.want)
			w.results <- j // there is room: the next job comes after this one was taken
		}
	})
	return w
}

// stop ends the worker, and what it is reading.
func (w *worker) stop() {
	w.cancel()
	close(w.jobs)
	w.done.Wait()
}

// hashable reports whether the file is to have hashes.
func (s *Source) hashable(n *tree.Node) bool {
	return !s.set.Empty() && n.Type() == events.FileTypeRegular && n.Size <= uint64(s.options.MaxFileSize)
}

// hashLater has a file read that has no hashes yet, when there is nothing better to do.
func (s *Source) hashLater(n *tree.Node) {
	if n.Hashes == "" && s.hashable(n) && s.changes.of[n] == nil && s.scope.tells(n.Path()) {
		s.hashing.unhashed = append(s.hashing.unhashed, n)
	}
}

// nextJob chooses what is read next; nil if there is nothing, or the worker is busy.
func (s *Source) nextJob() *job {
	h := &s.hashing
	for h.next == nil && !h.busy && len(h.waiting) > 0 {
		n := h.waiting[0]
		h.waiting = h.waiting[1:]
		if c := s.changes.of[n]; c != nil && c.hashing {
			h.next = &job{node: n, change: c, path: n.Path(), want: n.Status}
		}
	}
	for h.next == nil && !h.busy && len(h.unhashed) > 0 {
		n := h.unhashed[0]
		h.unhashed = h.unhashed[1:]
		if s.changes.of[n] == nil && n.Hashes == "" && n.Attached() {
			h.next = &job{node: n, path: n.Path(), want: n.Status}
		}
		if h.begun.IsZero() {
			h.begun = time.Now()
			h.shown = h.begun
		}
	}
	return h.next
}

// hashed takes what the worker has read.
func (s *Source) hashed(j *job) {
	s.hashing.busy = false
	n := j.node
	if j.change == nil {
		s.hashedFirst(j)
		return
	}
	c := s.changes.of[n]
	if c != j.change {
		return // told by now, without
	}
	c.hashing = false
	if c.again && time.Since(c.first) < s.timing.patience {
		c.again = false
		s.changes.settling = append(s.changes.settling, check{n, time.Now().Add(s.timing.quiet)})
		return
	}
	if j.err == nil && !c.again {
		n.Status, n.Hashes, c.hashed = j.got, j.sum, true
	}
	s.finish(n)
}

// hashedFirst takes the hashes of a file that had none.
func (s *Source) hashedFirst(j *job) {
	n := j.node
	s.hashing.files++
	s.hashing.bytes += j.got.Size
	switch {
	case s.changes.of[n] != nil || !n.Attached():
	case j.err != nil:
		s.hashing.failed++
		s.options.Log.Debug("a file has no hashes", "error", j.err)
	case j.got == n.Status:
		n.Hashes = j.sum
		s.saving.due = true
	default: // through a mapping, or the notification is still to come
		s.note(n, op{kind: suspected})
	}
	s.progress(time.Now())
}

// progress says how far the reading of what has no hashes has come.
func (s *Source) progress(now time.Time) {
	h := &s.hashing
	switch {
	case h.begun.IsZero():
	case len(h.unhashed) == 0 && !h.busy && h.next == nil:
		s.options.Log.Info("files without hashes were read", "files", h.files, "bytes", h.bytes, "failed", h.failed, "took", now.Sub(h.begun).Round(time.Millisecond))
		*h = hashing{waiting: h.waiting}
	case now.Sub(h.shown) >= s.timing.progress:
		h.shown = now
		s.options.Log.Info("reading files without hashes", "files", h.files, "bytes", h.bytes, "left", len(h.unhashed))
	}
}
