// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Whatever the records say, decoding ends, gives the same twice, and makes no more of them than there is.
func FuzzDecode(f *testing.F) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil {
		f.Fatal(err)
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			f.Fatal(err)
		}
		for _, group := range parse(f, string(text)) {
			var lines []string
			for _, r := range group {
				lines = append(lines, "type="+r.RecordType.String()+" msg="+r.RawData)
			}
			f.Add(strings.Join(lines, "\n"))
		}
	}
	f.Add(record(executed1, "(null)") + "\n" + line("EXECVE", `argc=2147483647 a0_len=2147483647 a0[0]="x" a2147483647="y" a9=61`))
	f.Add(line("URINGOP", "uring_op=18 success=yes exit=5 pid=1 key=(null)") + "\n" + line("PATH", `item=1 name=`))
	f.Add(record("arch=40000003 syscall=102 success=yes exit=0 a0=3 a1=0 a2=0 a3=0", `"a`) + "\n" + line("SOCKETCALL", "nargs=9 a9=1 a0=x a=") + "\n" + line("SOCKADDR", ipv4))
	f.Fuzz(func(t *testing.T, text string) {
		var records []*auparse.AuditMessage
		for line := range strings.Lines(text) {
			if r, err := auparse.ParseLogLine(strings.TrimRight(line, "\n")); err == nil {
				records = append(records, r)
			}
		}
		if len(records) == 0 {
			return
		}
		d := New(Options{Raw: true, Key: "acts"})
		first, err := d.Decode(records)
		second, again := d.Decode(records)
		if !reflect.DeepEqual(first, second) || (err == nil) != (again == nil) {
			t.Errorf("%s:\n got %+v, %v\nthen %+v, %v", text, first, err, second, again)
		}
		if len(first) > len(records) {
			t.Errorf("%d events of %d records", len(first), len(records))
		}
		for _, e := range first {
			if e.Time.IsZero() {
				t.Error("an event without time")
			}
			// What is fixed, and for each record its text and its place in the records' own fields.
			if most := 1<<13 + 64*len(text); e.Size() > most {
				t.Errorf("an event of %d bytes of a text of %d", e.Size(), len(text))
			}
		}
	})
}
