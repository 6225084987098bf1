// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/hex"
	"os"
	"time"

	"sensor/internal/clock"
)

// A reading is what the host's clocks say at one moment.
type reading struct {
	boot   [16]byte      // boot_id; zero if nobody can tell
	uptime time.Duration // since boot, suspended or not
	wall   time.Time
}

func readClocks() reading {
	r := reading{wall: time.Now()}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		id = bytes.ReplaceAll(bytes.TrimSpace(id), []byte("-"), nil)
		_, _ = hex.Decode(r.boot[:], id[:min(len(id), 2*len(r.boot))])
	}
	if ns, err := clock.BootTime(); err == nil {
		r.uptime = time.Duration(ns)
	}
	return r
}

// An age is the spool's own clock: for how long it has existed. No step of the
// wall clock moves it: within a boot it follows the time since boot, and of the
// time between two boots it believes the wall clock, unless that went backwards.
type age struct {
	base   time.Duration // at the time of the reading
	opened reading
}

// resume goes on from what an earlier run has noted. The zero age is a new spool's.
func resume(noted age, now reading) age {
	passed := now.wall.Sub(noted.opened.wall)
	if noted.sameBoot(now) {
		passed = now.uptime - noted.opened.uptime
	}
	if noted.opened.wall.IsZero() {
		passed = 0
	}
	return age{noted.base + max(0, passed), now}
}

func (a age) sameBoot(now reading) bool { return a.opened.boot == now.boot && now.boot != [16]byte{} }

// now reads the clock.
func (a age) now() time.Duration { return a.base + time.Since(a.opened.wall) }

// note is the clock as the next run needs it.
func (a age) note() age {
	wall := time.Now()
	passed := wall.Sub(a.opened.wall)
	return age{a.base + passed, reading{a.opened.boot, a.opened.uptime + passed, wall}}
}
