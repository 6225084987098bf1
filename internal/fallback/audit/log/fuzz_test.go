// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"strings"
	"testing"

	"github.com/elastic/go-libaudit/v2/auparse"
)

func FuzzLog(f *testing.F) {
	for _, seed := range []string{
		line("SYSCALL", 1, 0) + line("CWD", 1, 0) + line("PROCTITLE", 1, 0),
		"node=a " + line("SYSCALL", 1, 0) + "node=b type=UNKNOWN[1334] msg=audit(1.2:3): a=b\x1dUID=\"root\"\r\n",
		"Nov 29 10:00:00 web1 kernel: [ 1.2] audit: type=1300 audit(1700000000.123:45): items=0\ngarbage\n\x00\x00\x00\n----\n",
		"\x1f\x8b\x08\x00",
		"type=LOGIN msg=audit(1.0:1): uid=1 old-auid=13#035OLD-AUID=\"old\" UID=\"new",
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range []string{line("USER_CMD", 1, 0), strings.Repeat("\x00", 100)} {
		f.Add([]byte(seed)[:len(seed)-1])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader()
		var records uint64
		take := func(e Event) error {
			if len(e.Records) == 0 {
				t.Error("an event without records")
			}
			for _, m := range e.Records {
				records++
				if m.RecordType == auparse.AUDIT_EOE || strings.Contains(m.RawData, "\x1d") {
					t.Errorf("unexpected record %v %q", m.RecordType, m.RawData)
				}
				if o, ok := m.Payload.(*origin); e.Node != "" && (!ok || o.node != e.Node) {
					t.Errorf("record of another node than %q", e.Node)
				}
			}
			NamesOf(e.Records)
			return nil
		}
		err := r.Read("fuzz", bytes.NewReader(text), take)
		compressed := bytes.HasPrefix(text, []byte("\x1f\x8b"))
		if err != nil && !compressed {
			t.Error(err)
		}
		if err := r.Flush(take); err != nil {
			t.Error(err)
		}
		stats := r.Stats()
		var garbage uint64
		for _, g := range stats.Garbage() {
			if g.Count < uint64(len(g.First)) || g.Reason.String() == "" {
				t.Errorf("garbage %+v", g)
			}
			garbage += g.Count
		}
		if compressed {
			return
		}
		if records > stats.Records || stats.Records > stats.Lines {
			t.Errorf("%d records in events of %d, in %d lines", records, stats.Records, stats.Lines)
		}
		if eoe := bytes.Count(text, []byte("EOE")) + bytes.Count(text, []byte("eoe")) + bytes.Count(text, []byte("1320")); records < stats.Records && eoe == 0 {
			t.Errorf("%d of %d records are lost", stats.Records-records, stats.Records)
		}
	})
}
