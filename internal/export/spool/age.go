// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/hex"
	"os"
	"time"

	"sensor/internal/clock"
)

// clocks are those of the host.
type clocks struct {
	boot   [16]byte             // boot_id; zero if nobody can tell
	uptime func() time.Duration // since boot, suspended or not
	wall   func() time.Time
}

func hostClocks() clocks {
	c := clocks{uptime: uptime, wall: time.Now}
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

// An age is the spool's own clock: for how long it has existed. No step of the
// wall clock moves it: within a boot it follows the time since boot, and of the
// time between two boots it believes the wall clock, unless that went backwards.
type age struct {
	clocks
	base time.Duration // at boot, so to speak
}

// An agePoint is the age at one moment, as the next run needs it.
type agePoint struct {
	boot        [16]byte
	age, uptime time.Duration
	wall        time.Time
}

// resume goes on from what an earlier run has noted; from zero if it has not.
func resume(noted agePoint, c clocks) age {
	var passed time.Duration
	switch {
	case noted.in(c):
		passed = c.uptime() - noted.uptime
	case !noted.wall.IsZero():
		passed = c.wall().Sub(noted.wall)
	}
	return age{c, noted.age + max(0, passed) - c.uptime()}
}

// in reports whether the host has not been started since.
func (p agePoint) in(c clocks) bool { return p.boot == c.boot && c.boot != [16]byte{} }

func (a age) now() time.Duration { return a.base + a.uptime() }

func (a age) note() agePoint {
	uptime := a.uptime()
	return agePoint{a.boot, a.base + uptime, uptime, a.wall()}
}
