// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"log/slog"
	"math"
	runtimemetrics "runtime/metrics"
	"time"

	"github.com/prometheus/procfs"

	"sensor/internal/events"
)

// usage reads what this process takes from its host.
type usage struct {
	self procfs.Proc
	ok   bool
}

func newUsage(log *slog.Logger) usage {
	self, err := procfs.Self()
	if err != nil {
		log.Warn("the sensor cannot tell its own use of CPU and memory", "error", err)
	}
	return usage{self, err == nil}
}

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every architecture that Go knows.
const tick = 10 * time.Millisecond

// read is nil where /proc cannot be read.
func (u usage) read() *events.UsageMetrics {
	if !u.ok {
		return nil
	}
	stat, err := u.self.Stat()
	if err != nil {
		return nil
	}
	runtime := []runtimemetrics.Sample{ // without stopping the world, as runtime.ReadMemStats does
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/sched/goroutines:goroutines"},
	}
	runtimemetrics.Read(runtime)
	return &events.UsageMetrics{
		User:       time.Duration(stat.UTime) * tick,
		System:     time.Duration(stat.STime) * tick,
		Resident:   int64(stat.ResidentMemory()),
		Threads:    stat.NumThreads,
		Heap:       whole(runtime[0].Value),
		Goroutines: int(whole(runtime[1].Value)),
	}
}

// whole is 0 for a number that this version of Go does not have.
func whole(v runtimemetrics.Value) int64 {
	if v.Kind() != runtimemetrics.KindUint64 {
		return 0
	}
	return int64(min(v.Uint64(), math.MaxInt64))
}
