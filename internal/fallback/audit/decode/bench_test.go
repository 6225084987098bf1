// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"os"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// BenchmarkDecode is one audit event of each kind, with records that are parsed
// already as far as auparse does it for a whole header.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		log  string
		kind events.Kind
	}{
		{"testdata/syscall_exec.log", events.KindExec},
		{"testdata/syscall_exec.log", events.KindExit},
		{"testdata/syscall_network.log", events.KindConnect},
		{"testdata/syscall_file.log", events.KindFileCreate},
		{"testdata/syscall_file.log", events.KindFileRename},
	} {
		b.Run(bench.kind.String(), func(b *testing.B) {
			d := New(Options{Wants: func(k events.Kind) bool { return k == bench.kind }, Key: "acts"})
			records := first(b, d, bench.log)
			b.ReportAllocs()
			for b.Loop() {
				if all, err := d.Decode(records); err != nil || len(all) != 1 {
					b.Fatal(all, err)
				}
			}
		})
	}
}

// first finds the first audit event of a log that makes an event.
func first(b *testing.B, d *Decoder, log string) []*auparse.AuditMessage {
	text, err := os.ReadFile(log)
	if err != nil {
		b.Fatal(err)
	}
	for _, group := range parse(b, string(text)) {
		if all, _ := d.Decode(group); len(all) > 0 {
			return group
		}
	}
	b.Fatal("none of that kind")
	return nil
}
