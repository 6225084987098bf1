// SPDX-License-Identifier: Apache-2.0

package assemble

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"
)

func readLines(t testing.TB, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// Whatever comes in whatever order: every record but EOE is given out once, and
// the bounds hold.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x01\x01\x00\x01\x02"))
	f.Add([]byte("\x09\x01\x00\x09\x01\x01\xff\x01\x03\x00\x00\x04"))
	types := []auparse.AuditMessageType{
		auparse.AUDIT_SYSCALL, auparse.AUDIT_PATH, auparse.AUDIT_EOE, auparse.AUDIT_PROCTITLE, auparse.AUDIT_AVC,
		auparse.AUDIT_USER_LOGIN, auparse.AUDIT_DAEMON_START, auparse.AUDIT_LOGIN, 2000, 65535,
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		const most = 4
		a := New(most, 10*time.Second)
		now := epoch
		given := map[*auparse.AuditMessage]int{}
		take := func(done []Event) {
			for _, e := range done {
				if len(e.Records) == 0 {
					t.Error("an event without records")
				}
				for _, m := range e.Records {
					given[m]++
				}
			}
		}
		records := 0
		for ; len(script) >= 3; script = script[3:] {
			m := &auparse.AuditMessage{
				Sequence:   uint32(script[0]) - 128,
				Timestamp:  epoch,
				RecordType: types[int(script[2])%len(types)],
				RawData:    " items=1 ",
			}
			now = now.Add(time.Duration(script[1]) * time.Second / 10)
			if m.RecordType != auparse.AUDIT_EOE {
				records++
			}
			take(a.Add(m, now))
			if a.InFlight() > most {
				t.Fatalf("%d in flight", a.InFlight())
			}
		}
		take(a.Flush())
		for m, n := range given {
			if n != 1 || m.RecordType == auparse.AUDIT_EOE {
				t.Errorf("a record of type %v was given out %d times", m.RecordType, n)
			}
		}
		if len(given) != records {
			t.Errorf("%d of %d records were given out", len(given), records)
		}
	})
}
