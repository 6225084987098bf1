// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
)

// clocks turn the times of messages, which stand still while the machine is
// suspended, into boot time and wall time.
type clocks struct {
	clock.Clock
	suspended int64 // ns
}

// Less is the noise of reading two clocks.
const clockNoise = int64(time.Millisecond)

// Adjust follows a wall clock that was set, and adds a suspension. A message from before
// one that is read after it gets a time that is too late.
func (c *clocks) Adjust() error {
	if err := c.Clock.Adjust(); err != nil {
		return err
	}
	before, err := monotonic()
	if err != nil {
		return err
	}
	boot, err := clock.BootTime()
	if err != nil {
		return err
	}
	after, err := monotonic()
	if err != nil {
		return err
	}
	if after-before > clockNoise {
		return nil // it was interrupted: another time
	}
	suspended := int64(boot) - before
	if d := suspended - c.suspended; d > clockNoise || d < -clockNoise {
		c.suspended = suspended
	}
	return nil
}

func monotonic() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read monotonic clock: %w", err)
	}
	return ts.Nano(), nil
}

// boot is the boot time of a message, in ns.
func (c *clocks) boot(m *message) uint64 { return m.time + uint64(c.suspended) }
