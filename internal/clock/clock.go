// SPDX-License-Identifier: Apache-2.0

// Package clock turns the kernel's boot time, in which records and start times are, into wall time.
package clock

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Clock turns boot time into wall time. The zero Clock is at the epoch until it is adjusted.
type Clock struct {
	offset int64 // ns between the epoch and boot
}

// A smaller difference is the noise of reading two clocks one after the other,
// not a clock that was set: following it would give one process several start times.
const clockNoise = int64(time.Millisecond)

// At is a clock that stands: boot was at that wall time.
func At(boot time.Time) Clock { return Clock{boot.UnixNano()} }

// Adjust follows the wall clock where it was set or slewed.
func (c *Clock) Adjust() error {
	offset, err := measure()
	if err != nil {
		return err
	}
	if d := offset - c.offset; d > clockNoise || d < -clockNoise {
		c.offset = offset
	}
	return nil
}

// attempts is how often the clocks are read anew where something came between.
const attempts = 10

// measure reads the wall clock between two readings of the boot clock, and takes
// the reading that took least time: the thread may lose its CPU between any two.
func measure() (offset int64, err error) {
	best := int64(-1)
	for range attempts {
		before, err := BootTime()
		if err != nil {
			return 0, err
		}
		var real unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_REALTIME, &real); err != nil {
			return 0, fmt.Errorf("read wall clock: %w", err)
		}
		after, err := BootTime()
		if err != nil {
			return 0, err
		}
		if took := int64(after - before); best < 0 || took < best {
			best, offset = took, real.Nano()-int64(before+after)/2
		}
		if best < clockNoise/100 {
			break
		}
	}
	return offset, nil
}

// Wall is the wall time of a boot time in ns.
func (c *Clock) Wall(boot uint64) time.Time {
	return time.Unix(0, c.offset+int64(boot)).UTC()
}

// BootTime reads the time since boot in ns.
func BootTime() (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read boot clock: %w", err)
	}
	return uint64(ts.Nano()), nil
}
