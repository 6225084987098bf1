// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	backoffFirst = 250 * time.Millisecond
	backoffMost  = 30 * time.Second
	// remindAfter is how often the log is told of what has not changed.
	remindAfter = 10 * time.Minute
	// newsAfter is how soon after one outage the log is told of another.
	newsAfter = time.Minute
)

// backoff is how long to wait after so many failures in a row, from 1: it doubles, and half of it is chance, so that a
// fleet does not come back as one.
func backoff(failures int) time.Duration {
	most := backoffMost
	if failures < 8 {
		most = min(most, backoffFirst<<(failures-1))
	}
	return most/2 + rand.N(most/2)
}

// An outage is the time in which the engine takes no requests. All workers wait together, and the log is told once.
type outage struct {
	log     *slog.Logger
	waiting func() uint64 // events in the spool

	mu       sync.Mutex
	since    time.Time // zero: there is none
	failures int
	last     time.Time // failure
	until    time.Time // nothing is sent before
	cause    error
	told     bool      // the log knows of this outage
	toldAt   time.Time // the last time that the log was told of any
}

// failed tells that a request that began at the given time had no usable answer.
func (o *outage) failed(began time.Time, cause error, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.since.IsZero() {
		o.since, o.told = now, false
	}
	o.cause = cause
	if !began.Before(o.last) { // else another worker's has told the same
		o.failures++
		o.until = now.Add(backoff(o.failures))
	}
	if wait > 0 {
		o.until = now.Add(wait + rand.N(wait/4+1))
	}
	o.last = now
	quiet := newsAfter
	if o.told {
		quiet = remindAfter
	}
	if o.toldAt.IsZero() || now.Sub(o.toldAt) >= quiet {
		o.told, o.toldAt = true, now
		o.log.Error("the search engine takes no events; they wait in the spool", "error", cause,
			"for", now.Sub(o.since).Round(time.Second), "waiting", o.waiting(), "next_try", o.until.Sub(now).Round(time.Millisecond))
	}
}

// over tells that a request that began at the given time was answered.
func (o *outage) over(began time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || began.Before(o.last) {
		return
	}
	if o.told {
		o.log.Info("the search engine takes events again", "after", time.Since(o.since).Round(time.Millisecond), "waiting", o.waiting())
	}
	o.since, o.failures, o.until, o.cause = time.Time{}, 0, time.Time{}, nil
}

// wait waits until a request may be sent.
func (o *outage) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		left := time.Until(o.until)
		o.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

// state gives the cause of the outage; nil if there is none.
func (o *outage) state() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seldom says when the log may be told again.
type seldom struct {
	every time.Duration
	mu    sync.Mutex
	last  time.Time
}

func (s *seldom) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.last.IsZero() || now.Sub(s.last) >= s.every {
		s.last = now
		return true
	}
	return false
}
