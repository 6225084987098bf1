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
	var monotonic unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic); err != nil {
		return fmt.Errorf("read monotonic clock: %w", err)
	}
	boot, err := clock.BootTime()
	if err != nil {
		return err
	}
	suspended := int64(boot) - monotonic.Nano()
	if d := suspended - c.suspended; d > clockNoise || d < -clockNoise {
		c.suspended = suspended
	}
	return nil
}

// boot is the boot time of a message, in ns.
func (c *clocks) boot(m *message) uint64 { return m.time + uint64(c.suspended) }
