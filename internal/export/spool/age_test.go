// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// fakeClocks are clocks of a bubble, whose wall clock can be set and which can be booted anew.
type fakeClocks struct {
	boot byte
	at   time.Time // of boot
	mu   sync.Mutex
	step time.Duration // of the wall clock
	lost bool          // it is not synchronized
}

// lose says whether the wall clock is not synchronized.
func (f *fakeClocks) lose(lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = lost
}

// set sets the wall clock.
func (f *fakeClocks) set(step time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step += step
}

func (f *fakeClocks) clocks() *clocks {
	at := f.at
	return &clocks{
		boot:   [16]byte{f.boot},
		uptime: func() time.Duration { return time.Since(at) },
		synced: func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return !f.lost
		},
		wall: func() time.Time {
			f.mu.Lock()
			defer f.mu.Unlock()
			return time.Now().Add(f.step)
		},
	}
}

// reboot starts the host anew, off for a while, with its wall clock set.
func (f *fakeClocks) reboot(off, step time.Duration) {
	time.Sleep(off)
	f.boot++
	f.at = time.Now()
	f.set(step)
}

const mostAge = 16 * time.Hour

// ageRig opens a spool with a bound in age.
func ageRig(t *testing.T, f *fakeClocks) *rig {
	f.at = time.Now().Add(-time.Minute)
	f.boot = 1
	return newRig(t, func(o *Options) { o.MaxAge, o.clocks = mostAge, f.clocks() })
}

// What lies in the spool for too long goes, and nothing that is younger; in segments, so not to the second.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ageRig(t, &fakeClocks{})
		out := r.add(bulk, 1, 100)
		b, _ := r.take(1, 1000) // what is out stays out
		at := map[int]time.Time{}
		for range 5 * int(mostAge/time.Hour) {
			for _, k := range []events.Kind{critical, bulk} {
				at[r.add(k, 1, 100)] = time.Now()
			}
			time.Sleep(time.Hour / 3)
		}
		if age := time.Since(r.Stats().Oldest); age < mostAge {
			t.Errorf("the oldest is %v old, but is out", age)
		}
		r.settle(b)
		if age := time.Since(r.Stats().Oldest); age > mostAge+mostAge/ageParts || age < mostAge-time.Hour {
			t.Errorf("the oldest is %v old", age)
		}
		lost := r.ledger.Read().Dropped["spool_age"]
		if n := lost["exec"]; n != lost["connect"] || n < 5*16-3*17-1 || n > 5*16-3*16 {
			t.Errorf("lost %v", lost)
		}
		list := r.ship()
		for _, n := range list {
			if age := time.Since(at[n]); n == out || age > mostAge+mostAge/ageParts {
				t.Errorf("event %d came after %v", n, age)
			}
		}
		time.Sleep(2 * mostAge)
		r.close()
	})
}

// No clock that is set makes events older or younger than they are.
func TestClockStep(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, test := range []struct {
		name string
		then func(f *fakeClocks, r *rig)
		left bool
	}{
		{"nothing", func(*fakeClocks, *rig) {}, true},
		{"set forward", func(f *fakeClocks, _ *rig) { f.set(year) }, true},
		{"set back", func(f *fakeClocks, _ *rig) { f.set(-year) }, true},
		{"set forward, another run", func(f *fakeClocks, r *rig) { f.set(year); r.close(); r.open() }, true},
		{"set back, another run", func(f *fakeClocks, r *rig) { f.set(-year); r.close(); r.open() }, true},
		{"set forward, killed", func(f *fakeClocks, r *rig) { f.set(year); r.abandon(); r.open() }, true},
		{"set back and too old", func(f *fakeClocks, r *rig) { f.set(-year); time.Sleep(mostAge) }, false},
		{"set back and too old, another run", func(f *fakeClocks, r *rig) { f.set(-year); r.close(); time.Sleep(mostAge); r.open() }, false},
		{"off for a while", func(f *fakeClocks, r *rig) { reopened(f, r, time.Hour, 0) }, true},
		{"off for too long", func(f *fakeClocks, r *rig) { reopened(f, r, mostAge, 0) }, false},
		{"off, and the clock starts anew", func(f *fakeClocks, r *rig) { reopened(f, r, time.Hour, -50*year) }, true},
		{"the clock starts anew, and is set later", func(f *fakeClocks, r *rig) {
			reopened(f, r, time.Hour, -50*year)
			f.set(50 * year)
			r.close()
			r.open()
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeClocks{}
				r := ageRig(t, f)
				r.add(bulk, 5, 100)
				time.Sleep(mostAge / 2)
				old := time.Now().Add(mostAge / 2)
				test.then(f, r)
				time.Sleep(time.Until(old) - time.Minute)
				time.Sleep(2 * time.Second) // what is too old is gone by now
				if n := r.Stats().Entries; (n == 5) != test.left {
					t.Errorf("%d are left", n)
				}
				if list := r.ship(); test.left && !slices.Equal(list, numbers(0, 5)) {
					t.Errorf("got %v", list)
				}
				r.close()
			})
		})
	}
}

// reopened ends the run, boots the host anew, and begins the next one.
func reopened(f *fakeClocks, r *rig, off, step time.Duration) {
	r.close()
	f.reboot(off, step)
	r.Options.clocks = f.clocks()
	r.open()
}

// After a power loss the state may be older than what became of the files. Then
// a file that is gone is no loss: it may have been settled.
func TestPowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeClocks{}
		r := ageRig(t, f)
		for range 20 {
			r.add(bulk, 10, 1000)
		}
		before := readFile(t, r.state.path)
		for range 10 {
			b, _ := r.take(10, 1<<20)
			r.settle(b)
		}
		r.abandon()
		writeFile(t, r.state.path, before)
		f.reboot(time.Hour, 0)
		r.Options.clocks = f.clocks()
		r.open()
		r.want(map[string]uint64{})
		r.ship()
		for n := range 200 {
			if r.got[n] == 0 {
				t.Errorf("event %d did not come", n)
			}
		}
		r.close()
	})
}

// After a boot the wall clock is not believed before it is synchronized, or ten minutes have passed.
func TestClockNotBelieved(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, test := range []struct {
		name   string
		before func(f *fakeClocks) // the run that spools
		off    time.Duration
		step   time.Duration // of the clock at the boot
		then   func(f *fakeClocks)
		left   bool // in the end
	}{
		{"ahead until it is set", nil, time.Minute, year, func(f *fakeClocks) { f.set(-year); f.lose(false) }, true},
		{"right, and never synchronized", nil, year, 0, func(*fakeClocks) {}, false},
		{"behind until it is set", nil, year, -50 * year, func(f *fakeClocks) { f.set(50 * year); f.lose(false) }, false},
		{"set right since", func(f *fakeClocks) { f.lose(true); f.set(-50 * year) }, time.Minute, 50 * year, func(f *fakeClocks) { f.lose(false) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeClocks{}
				if test.before != nil {
					test.before(f)
				}
				r := ageRig(t, f)
				r.add(bulk, 5, 100)
				f.lose(true)
				reopened(f, r, test.off, test.step)
				n := r.add(bulk, 1, 100)
				time.Sleep(trustAfter / 2)
				if n := r.Stats().Entries; n != 6 {
					t.Fatalf("%d are left before the clock is believed", n)
				}
				test.then(f)
				time.Sleep(trustAfter)
				want := numbers(n, n+1) // what came since is as old as it is
				if test.left {
					want = numbers(0, 6)
				} else if old := time.Since(r.Stats().Oldest); old > time.Hour {
					t.Errorf("the oldest is %v old", old)
				}
				if list := r.ship(); !slices.Equal(list, want) {
					t.Errorf("got %v, want %v", list, want)
				}
				r.close()
			})
		})
	}
}
