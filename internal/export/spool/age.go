// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/hex"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
)

// clocks are those of the host.
type clocks struct {
	boot   [16]byte             // boot_id; zero if nobody can tell
	uptime func() time.Duration // since boot, suspended or not
	wall   func() time.Time
	synced func() bool // the wall clock is held right by another one
}

func hostClocks() clocks {
	c := clocks{uptime: uptime, wall: time.Now, synced: synced}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		id = bytes.ReplaceAll(bytes.TrimSpace(id), []byte("-"), nil)
		_, _ = hex.Decode(c.boot[:], id[:min(len(id), 2*len(c.boot))])
	}
	return c
}

func uptime() time.Duration {
	ns, _ := clock.BootTime() // fails nowhere
	return time.Duration(ns)
}

// synced asks the kernel whether its clock is synchronized, as NTP daemons tell it.
func synced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// An age is the spool's own clock: for how long there was a host that had it. No step of the
// wall clock moves it: it follows the time since boot. How long the host was off in
// between is known from the wall clock alone, once that is believed: until NTP has
// set it, it may be off by years.
type age struct {
	clocks
	base     time.Duration // at boot, so to speak
	trust    time.Duration // since boot, from when on the wall clock is believed without being synced
	believed bool
	last     time.Time     // by the wall clock, that an earlier boot is known to have had; zero if it is not known
	off      time.Duration // how long the host was off since, once that is known
}

// trustAfter is how long after Open the wall clock is believed: whoever sets it has done so by then.
const trustAfter = 10 * time.Minute

// An agePoint is the age at one moment, as the next run needs it.
type agePoint struct {
	boot        [16]byte
	age, uptime time.Duration
	wall        time.Time // 1970 if it was not believed
}

// resume goes on from what an earlier run has noted; from zero if it has not. If the wall clock
// is believed already, all that comes knows of the time that the host was off; else that is
// known only later, in this run, and of what is recovered.
func resume(noted agePoint, c clocks) age {
	a := age{clocks: c, base: noted.age, trust: c.uptime() + trustAfter}
	switch {
	case noted == agePoint{}:
		a.base -= c.uptime()
	case noted.in(c):
		a.base -= noted.uptime
	case noted.wall.Unix() > 0:
		a.last = noted.wall
	}
	a.believe()
	a.base, a.off = a.base+a.off, 0
	return a
}

// believe looks whether the wall clock can be believed, and then for how long the host was off.
func (a *age) believe() {
	if a.believed {
		return
	}
	uptime := a.uptime()
	if a.believed = uptime >= a.trust || a.synced(); a.believed && !a.last.IsZero() {
		a.off = max(0, a.wall().Add(-uptime).Sub(a.last))
	}
}

// since is when something was spooled, by this clock; what an earlier run has spooled is older by the time that the host was off.
func (a *age) since(seg *segment, spooled time.Duration) time.Duration {
	if seg.earlier {
		return spooled - a.off
	}
	return spooled
}

// in reports whether the host has not been started since.
func (p agePoint) in(c clocks) bool { return p.boot == c.boot && c.boot != [16]byte{} }

func (a age) now() time.Duration { return a.base + a.uptime() }

func (a age) note() agePoint {
	uptime := a.uptime()
	p := agePoint{a.boot, a.base + uptime, uptime, time.Unix(0, 0)}
	if a.believed {
		p.wall = a.wall()
	}
	return p
}
