// SPDX-License-Identifier: Apache-2.0

package inotify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// queue is the kernel's queue as fsnotify reads it. fsnotify reports some errors
// while it holds the lock that adding a watch needs, so they are taken from it at
// once by a goroutine of their own.
type queue struct {
	watcher *fsnotify.Watcher
	events  <-chan fsnotify.Event
	faults  chan struct{} // there is something to take
	done    chan struct{}

	mu        sync.Mutex
	overflows uint64
	errs      []error
}

func newQueue(watcher *fsnotify.Watcher) *queue {
	q := &queue{watcher: watcher, events: watcher.Events, faults: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for err := range watcher.Errors {
			q.fault(err)
		}
	}()
	return q
}

// mostErrors bounds what is kept until somebody looks.
const mostErrors = 8

func (q *queue) fault(err error) {
	q.mu.Lock()
	switch {
	case errors.Is(err, fsnotify.ErrEventOverflow):
		q.overflows++
	case len(q.errs) < mostErrors:
		q.errs = append(q.errs, err)
	}
	q.mu.Unlock()
	select {
	case q.faults <- struct{}{}:
	default:
	}
}

// take gives what has gone wrong since the last time.
func (q *queue) take() (overflows uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	overflows, err = q.overflows, errors.Join(q.errs...)
	q.overflows, q.errs = 0, nil
	return overflows, err
}

func (q *queue) close() error {
	err := q.watcher.Close()
	<-q.done
	if err != nil {
		return fmt.Errorf("close inotify: %w", err)
	}
	return nil
}

// renamedFrom is the path that a created name had before, "" if it had none. fsnotify
// pairs both by the kernel's cookie, and says so in the text of the event alone.
func renamedFrom(e fsnotify.Event) string {
	if !e.Has(fsnotify.Create) {
		return ""
	}
	_, rest, ok := strings.Cut(e.String(), `"`)
	if !ok {
		return ""
	}
	name, err := strconv.QuotedPrefix(`"` + rest)
	if err != nil {
		return ""
	}
	from, err := strconv.Unquote(strings.TrimPrefix((`"` + rest)[len(name):], " ← "))
	if err != nil {
		return ""
	}
	return from
}
