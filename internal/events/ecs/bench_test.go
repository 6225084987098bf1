// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

// BenchmarkAppend writes events one after the other into one buffer, as a sink
// does with a batch: times and capabilities differ from one event to the next.
func BenchmarkAppend(b *testing.B) {
	for _, kind := range events.Kinds() {
		b.Run(kind.String(), func(b *testing.B) { benchmark(b, batch(kind), false) })
	}
	b.Run("connect_without_process", func(b *testing.B) {
		batch := batch(events.KindConnect)
		for _, ev := range batch {
			ev.Process, ev.Family = nil, events.Family{}
		}
		benchmark(b, batch, false)
	})
	b.Run("file_write_first", func(b *testing.B) {
		batch := batch(events.KindFileWrite)
		for _, ev := range batch {
			ev.File.Summary, ev.File.Path = false, events.Path{Name: ev.File.Path.Name}
		}
		benchmark(b, batch, false)
	})
	b.Run("connect_new_process", func(b *testing.B) { benchmark(b, batch(events.KindConnect), true) })
	// The process of each event is new; its relatives were written before.
	b.Run("exec_new_process", func(b *testing.B) { benchmark(b, batch(events.KindExec), true) })
	long := batch(events.KindExec)
	for _, ev := range long {
		ev.Process.Args.Packed = strings.Repeat("argument of some length\x00", 64<<10/24)
	}
	b.Run("exec_new_process_64KiB_args", func(b *testing.B) { benchmark(b, long, true) })
}

// batch makes events of different processes of one session.
func batch(kind events.Kind) []*events.Event {
	family := full(kind).Family
	batch := make([]*events.Event, 16)
	for i := range batch {
		ev := full(kind)
		ev.Time = ev.Time.Add(time.Duration(i) * 300 * time.Millisecond)
		ev.Created = ev.Time.Add(20 * time.Millisecond)
		if p := ev.Process; p != nil {
			p.PID += uint32(i)
			p.Credentials.CapPermitted = uint64(1<<41-1) * uint64(i%2) // root's, or none
			p.Credentials.CapEffective = p.Credentials.CapPermitted
			ev.Family = family
			ev.Family.GroupLeader = p
		}
		batch[i] = ev
	}
	return batch
}

func benchmark(b *testing.B, batch []*events.Event, forget bool) {
	e := NewEncoder(fullOptions())
	var line []byte
	for _, ev := range batch {
		line = e.Append(line[:0], ev)
	}
	size := len(line)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ev := batch[i%len(batch)]
		if forget {
			ev.Process.SetFragment(nil)
		}
		line = e.Append(line[:0], ev)
	}
	b.ReportMetric(float64(size), "document-bytes")
}
