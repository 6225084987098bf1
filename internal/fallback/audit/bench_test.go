// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
)

// BenchmarkExec measures what an exec costs the source itself: the time of its own threads.
func BenchmarkExec(b *testing.B) {
	audittest.Lock(b)
	l := open(b, []events.Kind{events.KindExec}, nil)
	l.run()
	program, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	before := cpu(b)
	load := exec.Command("sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do %s; i=$((i+1)); done; %s last", b.N, program, program))
	if err := load.Run(); err != nil {
		b.Fatal(err)
	}
	l.wait("the last exec", execOf("last"))
	used := cpu(b) - before
	l.end()
	balance := l.ledger.Read()
	// Others may be busy, too.
	b.ReportMetric(used*1e6/float64(balance.Generated["exec"]), "cpu-us/exec")
	b.ReportMetric(float64(balance.Generated["exec"]), "execs")
	b.ReportMetric(float64(balance.Lost()), "lost")
}

// cpu is the time that this process has used, in s.
func cpu(b *testing.B) float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
