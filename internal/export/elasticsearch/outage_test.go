// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// Pauses double up to a bound, and are not the same twice.
func TestBackoff(t *testing.T) {
	for failures, most := range map[int]time.Duration{
		1: backoffFirst, 2: 2 * backoffFirst, 3: 4 * backoffFirst, 7: 64 * backoffFirst, 8: backoffMost, 9: backoffMost, 1000: backoffMost,
	} {
		seen := map[time.Duration]bool{}
		var highest time.Duration
		for range 1000 {
			pause := backoff(failures)
			if pause < most/2 || pause > most {
				t.Fatalf("after %d failures: %v; want %v to %v", failures, pause, most/2, most)
			}
			seen[pause] = true
			highest = max(highest, pause)
		}
		if len(seen) < 900 || highest < most*9/10 {
			t.Errorf("after %d failures: %d pauses of 1000, the longest is %v", failures, len(seen), highest)
		}
	}
}

func newOutage() *outage {
	return &outage{log: slog.New(slog.DiscardHandler), waiting: func() uint64 { return 0 }}
}

// Requests that fail at the same time are one failure.
func TestOneFailureOfSeveralWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage()
		began := time.Now()
		time.Sleep(time.Second)
		for range 10 {
			o.failed(began, errors.New("x"), 0)
		}
		if pause := time.Until(o.until); pause > backoffFirst {
			t.Errorf("the first pause is %v", pause)
		}
	})
}

// A request that was sent before another failed, and is answered after it, says nothing about the engine now.
func TestOldAnswerEndsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutage()
		began := time.Now()
		time.Sleep(time.Second)
		o.failed(began, errors.New("x"), time.Minute)
		time.Sleep(time.Second)
		o.over(began)
		if o.state() == nil || time.Since(o.since) != time.Second || time.Until(o.until) < 50*time.Second {
			t.Errorf("since %v, until %v, %v", o.since, o.until, o.state())
		}
		o.over(time.Now())
		if o.state() != nil || !o.until.IsZero() {
			t.Errorf("until %v, %v", o.until, o.state())
		}
	})
}
