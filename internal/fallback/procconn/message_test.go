// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"sensor/internal/events"
)

// payload is what the kernel sends: struct cn_msg and struct proc_event.
func payload(what uint32, union ...uint32) []byte {
	order := binary.NativeEndian
	var b []byte
	for _, field := range []uint32{netlink.CN_IDX_PROC, netlink.CN_VAL_PROC, 77, 0, 0} {
		b = order.AppendUint32(b, field)
	}
	order.PutUint16(b[16:], 40)
	b = order.AppendUint32(b, what)
	b = order.AppendUint32(b, 3)
	b = order.AppendUint64(b, 1234567890123)
	for i := range 6 {
		value := uint32(0)
		if i < len(union) {
			value = union[i]
		}
		b = order.AppendUint32(b, value)
	}
	return b
}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		payload []byte
		want    message
	}{
		"fork":   {payload(netlink.PROC_EVENT_FORK, 11, 10, 21, 20), message{what: netlink.PROC_EVENT_FORK, pid: 21, tgid: 20, parent: 10}},
		"exec":   {payload(netlink.PROC_EVENT_EXEC, 21, 20), message{what: netlink.PROC_EVENT_EXEC, pid: 21, tgid: 20}},
		"exit":   {payload(netlink.PROC_EVENT_EXIT, 21, 20, 0x300, 17, 11, 10), message{what: netlink.PROC_EVENT_EXIT, pid: 21, tgid: 20, parent: 10, value: [2]uint32{0x300}}},
		"uid":    {payload(netlink.PROC_EVENT_UID, 21, 20, 1, 2), message{what: netlink.PROC_EVENT_UID, pid: 21, tgid: 20, value: [2]uint32{1, 2}}},
		"answer": {payload(netlink.PROC_EVENT_NONE, 1), message{what: netlink.PROC_EVENT_NONE, value: [2]uint32{1}}},
	}
	for name, test := range tests {
		test.want.cpu, test.want.sequence, test.want.time = 3, 77, 1234567890123
		if m, ours, err := parse(test.payload); m != test.want || !ours || err != nil {
			t.Errorf("%s: %+v, %v, %v; want %+v", name, m, ours, err, test.want)
		}
	}
	other := payload(netlink.PROC_EVENT_EXEC)
	other[0] = 9
	if _, ours, err := parse(other); ours || err != nil {
		t.Errorf("another connector: ours %v, %v", ours, err)
	}
	if _, _, err := parse(payload(netlink.PROC_EVENT_EXEC)[:connectorHeader+eventHeader]); err == nil {
		t.Error("a message without its end: no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(payload(netlink.PROC_EVENT_FORK, 11, 10, 21, 20))
	f.Add(payload(netlink.PROC_EVENT_EXIT, 21, 20, 9, 17, 11, 10))
	f.Add(payload(netlink.PROC_EVENT_NONE, 1)[:30])
	f.Add(request(netlink.PROC_CN_MCAST_LISTEN, 5))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, ours, err := parse(payload)
		if err == nil && !ours && m != (message{}) {
			t.Errorf("parse(%x) = %+v of another", payload, m)
		}
		if err == nil && ours && len(payload) < connectorHeader+eventHeader {
			t.Errorf("parse(%x) = %+v of too little", payload, m)
		}
	})
}

func TestSequences(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var s sequences
	note := func(cpu uint32, now int, numbers ...uint32) {
		for _, n := range numbers {
			s.note(cpu, n, at(now))
		}
	}
	note(0, 1, 100, 101, 102)
	note(1, 1, ^uint32(0), 0, 1) // it wraps
	note(maxCPUs, 1, 1, 5)
	if got := s.take(); got != nil {
		t.Errorf("nothing is missing, got %+v", got)
	}
	note(0, 2, 105)        // 103 and 104 are missing
	note(0, 3, 104, 107)   // 104 was late, 106 is missing
	note(1, 4, 2, 3, 5, 4) // 4 was late
	want := events.Loss{Kind: events.KindNone, Stage: events.ReasonSocket, CPU: 0, Count: 2, First: at(2), Last: at(3)}
	if got := s.take(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	note(0, 5, 106) // told as lost already
	note(0, 6, 109)
	if got := s.take(); got != nil {
		t.Errorf("one is missing and one was told too much, got %+v", got)
	}
}
