// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// BenchmarkLook asks for 10,000 sockets, of which none is new.
func BenchmarkLook(b *testing.B) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	const pairs = 5000
	if limit.Max < 2*pairs+100 {
		b.Skip("too few files may be open")
	}
	l := listen(b, "127.0.0.1:0")
	for range pairs {
		connect(b, l)
	}
	w := open(b, Options{Interval: never})
	defer w.source.Close()
	for b.Loop() {
		if err := w.source.look(func(*events.Event) { b.Error("something is new") }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(w.source.known)), "sockets")
}
