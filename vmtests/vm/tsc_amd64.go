// SPDX-License-Identifier: Apache-2.0

package vm

import "time"

func rdtsc() uint64

// hostTSC returns the frequency of the host's time-stamp counter in kHz. QEMU's emulated amd64 CPUs count with it.
func hostTSC() int64 {
	t0, c0 := readTSC()
	time.Sleep(20 * time.Millisecond)
	t1, c1 := readTSC()
	return int64(float64(c1-c0) * float64(time.Millisecond) / float64(t1.Sub(t0)))
}

// readTSC returns a time and the counter at that time: of several readings the one that was interrupted least.
func readTSC() (at time.Time, counter uint64) {
	best := ^uint64(0)
	for range 50 {
		before := rdtsc()
		now := time.Now()
		after := rdtsc()
		if after-before < best {
			best, at, counter = after-before, now, before+(after-before)/2
		}
	}
	return at, counter
}
