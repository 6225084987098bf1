// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"log/slog"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/assemble"
	"sensor/internal/fallback/audit/decode"
	"sensor/internal/fallback/audit/netlink"
)

func TestMine(t *testing.T) {
	const head = "audit(1795946625.047:2): "
	m := newMine(owner{4711, 815})
	m.expect(&settings{Before: values{1, 1, 64, 15000}, Ours: values{1, 0, 8192, 0}}, 4711)
	type record struct {
		kind auparse.AuditMessageType
		text string
	}
	for _, test := range []struct {
		name    string
		records []record
		want    bool
	}{
		{"own call", []record{{auparse.AUDIT_SYSCALL, "arch=c000003e syscall=44 ppid=1 pid=4711 auid=0"}}, true},
		{"a child's call", []record{{auparse.AUDIT_SYSCALL, "arch=c000003e syscall=44 ppid=4711 pid=4712 auid=0"}}, false},
		{"own rule", []record{{auparse.AUDIT_CONFIG_CHANGE, `auid=0 ses=1 op=add_rule key="sensor-4711-815" list=4 res=1`}}, true},
		{"own rule with two keys", []record{{auparse.AUDIT_CONFIG_CHANGE, `op=remove_rule key=61620173656E736F722D343731312D383135 list=4 res=1`}}, true},
		{"another's rule", []record{{auparse.AUDIT_CONFIG_CHANGE, `auid=0 op=add_rule key="sensor-4711-8150" list=4 res=1`}}, false},
		{"own rule, removed by another", []record{
			{auparse.AUDIT_CONFIG_CHANGE, `auid=0 ses=1 op=remove_rule key="sensor-4711-815" list=4 res=1`},
			{auparse.AUDIT_SYSCALL, "syscall=44 ppid=1 pid=99 auid=0"}}, false},
		{"own change", []record{{auparse.AUDIT_CONFIG_CHANGE, "op=set audit_backlog_limit=8192 old=64 auid=0"}}, true},
		{"own change back", []record{{auparse.AUDIT_CONFIG_CHANGE, "op=set audit_backlog_wait_time=15000 old=0 auid=0"}}, true},
		{"own pid", []record{{auparse.AUDIT_CONFIG_CHANGE, "op=set audit_pid=4711 old=0 auid=0"}}, true},
		{"another's change", []record{{auparse.AUDIT_CONFIG_CHANGE, "op=set audit_backlog_limit=320 old=64 auid=0"}}, false},
		{"another's pid", []record{{auparse.AUDIT_CONFIG_CHANGE, "op=set audit_pid=7 old=4711 auid=0"}}, false},
		{"reads along", []record{{eventListener, "pid=4711 uid=0 auid=0 nl-mcgrp=1 op=connect res=1"}}, true},
		{"another reads along", []record{{eventListener, "pid=47 uid=0 auid=0 nl-mcgrp=1 op=connect res=1"}}, false},
		{"another thing", []record{{auparse.AUDIT_USER_LOGIN, "pid=4711 uid=0"}}, false},
	} {
		var records []*auparse.AuditMessage
		for _, r := range test.records {
			record, err := auparse.Parse(r.kind, head+r.text)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record)
		}
		if got := m.made(records); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// FuzzReceive feeds what might come from the kernel. Whatever it is, the books balance.
func FuzzReceive(f *testing.F) {
	for _, seed := range []struct {
		kind uint16
		text string
	}{
		{1300, "audit(1795946625.047:2): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=3 key=(null)"},
		{1309, `audit(1795946625.047:2): argc=2 a0="auditctl" a1="-l"`},
		{1307, `audit(1795946625.047:3): cwd="/"`},
		{1305, "audit(1795946625.047:2): op=set audit_enabled=1 old=0 auid=0 ses=1 res=1"},
		{1320, "audit(1795946625.047:2): "}, {1112, "audit(1.0:0): pid=1 msg='op=login res=failed'"},
		{1335, "audit(1795946625.047:2): pid=1"}, {replaced, "\x01\x00\x00\x00"}, {2, "\x00\x00\x00\x00"}, {1300, ""}, {1300, "audit(:"}, {65535, "audit(1.2:3): x"},
	} {
		f.Add(seed.kind, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		var ledger events.Ledger
		k := newFakeKernel()
		w, log := fakeWatch(t, k, false)
		s := New(Options{Log: slog.New(slog.NewTextHandler(log, nil)), Ledger: &ledger})
		s.watch, s.losses.ledger = w, &ledger
		s.assembler, s.decoder, s.mine = assemble.New(4, time.Second), decode.New(decode.Options{}), newMine(owner{4711, 815})
		emit := func(e *events.Event) { ledger.Delivered(e.Kind, 1) }
		s.receive(netlink.Message{Type: kind, Data: data}, time.Unix(1, 0), emit)
		for _, e := range s.assembler.Flush() {
			s.decode(e, emit)
		}
		if err := ledger.Read().Check(); err != nil {
			t.Error(err)
		}
	})
}
