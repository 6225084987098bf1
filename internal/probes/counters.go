// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// counters reads what the programs counted: the truth about what the kernel
// generated and dropped. Sequence numbers could only hint at it.
type counters struct {
	counts   interface{ Lookup(key, value any) error } // by kind, processCounters by CPU
	epoch    interface{ Set(value any) error }
	programs map[events.Kind][]runCounter

	number    uint32                            // of the epoch
	seen      map[events.Kind][]processCounters // by CPU, at the last reading
	recursion map[events.Kind]map[string]uint64 // by program, at the last reading
	truncated uint64
}

// A runCounter is a program, for how often the kernel skipped it.
type runCounter interface {
	Stats() (*ebpf.ProgramStats, error)
	String() string
}

// read enters what is new into the ledger and returns a loss for each kind, CPU
// and reason that dropped something since the last reading.
func (c *counters) read(ledger *events.Ledger, clock *clock.Clock) ([]events.Loss, error) {
	var losses []events.Loss
	for kind, programs := range c.programs {
		missed, err := c.readRecursion(kind, programs)
		if err != nil {
			return losses, err
		}
		if missed > 0 {
			// A program skipped by recursion counts nothing, itself included.
			ledger.Generated(kind, missed)
			ledger.Dropped(events.ReasonRecursion, kind, missed)
			losses = append(losses, events.Loss{Kind: kind, Stage: events.ReasonRecursion, CPU: -1, Count: missed})
		}
		var now []processCounters
		if err := c.counts.Lookup(uint32(kind), &now); err != nil {
			return losses, fmt.Errorf("read counters of %s: %w", kind, err)
		}
		before := c.seen[kind]
		if before == nil {
			before = make([]processCounters, len(now))
		}
		for cpu := range now {
			n, b := &now[cpu], &before[cpu]
			ledger.Generated(kind, n.Generated-b.Generated)
			ledger.Aggregated(kind, n.Aggregated-b.Aggregated)
			ledger.Filtered(kind, n.Filtered-b.Filtered)
			c.truncated += n.Truncated - b.Truncated
			for _, drop := range []struct {
				reason events.Reason
				count  uint64
			}{
				{events.ReasonRingFull, n.DroppedRingFull - b.DroppedRingFull},
				{events.ReasonScratchBusy, n.DroppedScratchBusy - b.DroppedScratchBusy},
				{events.ReasonMapFull, n.DroppedMapFull - b.DroppedMapFull},
			} {
				if drop.count == 0 {
					continue
				}
				ledger.Dropped(drop.reason, kind, drop.count)
				losses = append(losses, events.Loss{
					Kind: kind, Stage: drop.reason, CPU: cpu, Count: drop.count,
					First: clock.Wall(n.FirstDrop), Last: clock.Wall(n.LastDrop),
				})
			}
		}
		c.seen[kind] = now
	}
	c.number++
	if err := c.epoch.Set(c.number); err != nil {
		return losses, fmt.Errorf("set epoch: %w", err)
	}
	return losses, nil
}

// sent is how many records of the kind went into the ring, at the last reading.
func (c *counters) sent(kind events.Kind) uint64 {
	var n uint64
	for _, cpu := range c.seen[kind] {
		n += cpu.Generated - cpu.DroppedRingFull - cpu.DroppedScratchBusy - cpu.DroppedMapFull - cpu.Aggregated - cpu.Filtered
	}
	return n
}

// standStill returns when no program has counted anything for a while.
func (c *counters) standStill() error {
	for before, still := ^uint64(0), 0; still < 3; time.Sleep(50 * time.Millisecond) {
		var now uint64
		for kind := range c.programs {
			var cpus []processCounters
			if err := c.counts.Lookup(uint32(kind), &cpus); err != nil {
				return fmt.Errorf("read counters of %s: %w", kind, err)
			}
			for _, cpu := range cpus {
				now += cpu.Generated + cpu.DroppedRingFull + cpu.DroppedScratchBusy + cpu.DroppedMapFull
			}
		}
		if still++; now != before {
			before, still = now, 0
		}
	}
	return nil
}

// readRecursion sums how often the kernel skipped the kind's programs since the last reading.
func (c *counters) readRecursion(kind events.Kind, programs []runCounter) (uint64, error) {
	if c.recursion[kind] == nil {
		c.recursion[kind] = map[string]uint64{}
	}
	var missed uint64
	for _, p := range programs {
		stats, err := p.Stats()
		if err != nil {
			return 0, fmt.Errorf("read statistics of %s: %w", p, err)
		}
		missed += stats.RecursionMisses - c.recursion[kind][p.String()]
		c.recursion[kind][p.String()] = stats.RecursionMisses
	}
	return missed, nil
}
