// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

func TestCheck(t *testing.T) {
	some := Agreement{Events: ratio(99, 100), Fields: ratio(1000, 1000)}
	for _, test := range []struct {
		name           string
		agreement      Agreement
		events, fields float64
		want           string // part of the error; "" for none
	}{
		{"no threshold", Agreement{}, 0, 0, ""},
		{"nothing was compared", Agreement{}, 0.5, 0, "compare events: there was nothing to compare"},
		{"no fields were compared", Agreement{Events: ratio(1, 1)}, 0.5, 0.5, "compare fields: there was nothing to compare"},
		{"enough", some, 0.99, 1, ""},
		{"too few events", some, 0.991, 1, "compare events: 99 of 100 agree, less than 99.1 %"},
		{"too few fields", Agreement{Events: ratio(1, 1), Fields: ratio(999, 1000)}, 1, 1, "compare fields: 999 of 1000 agree"},
	} {
		err := (&Report{Agreement: test.agreement}).Check(test.events, test.fields)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// What was measured is checked against what was compared.
func TestMeasure(t *testing.T) {
	balance := func(delivered, dropped uint64) *events.Balance {
		l := &events.Ledger{}
		l.Generated(events.KindExec, delivered+dropped)
		l.Delivered(events.KindExec, delivered)
		l.Dropped(events.ReasonBacklog, events.KindExec, dropped)
		l.Synthesized(events.KindEventsLost, 1)
		l.Delivered(events.KindEventsLost, 1)
		b := l.Read()
		return &b
	}
	s := newStreams(t, func(o *Options) { o.Ignore = []uint32{1} })
	for pid := range uint32(4) {
		s.add(A, second, exec(pid+1, "/bin/a"))
		s.add(B, second, exec(pid+1, "/bin/a"))
	}
	r := s.end(10 * second)
	r.Measure(Measured{Balance: balance(4, 0), CPU: 40 * time.Microsecond}, Measured{Balance: balance(4, 7), CPU: 80 * time.Microsecond, Kernel: []KernelTime{{Time: 20 * time.Microsecond}, {Time: 4 * time.Microsecond}}}, nil)
	if len(r.Faults) > 0 || r.A.Lost() != 0 || r.B.Lost() != 7 {
		t.Errorf("faults %q, lost %d and %d", r.Faults, r.A.Lost(), r.B.Lost())
	}
	if *r.A.PerEvent != (PerEvent{CPU: 10 * time.Microsecond}) || *r.B.PerEvent != (PerEvent{20 * time.Microsecond, 6 * time.Microsecond}) {
		t.Errorf("per event %+v and %+v", r.A.PerEvent, r.B.PerEvent)
	}
	wrong := balance(5, 0)
	wrong.Generated["exec"]++
	r.Kinds[0].A.Only++
	r.Measure(Measured{Balance: wrong}, Measured{}, nil)
	got := strings.Join(r.Faults, "\n")
	for _, want := range []string{"exec of ebpf: seen 3, but decided 4", "ebpf: account for exec: generated 6", "ebpf: delivered 5 events, but 4 came here"} {
		if !strings.Contains(got, want) {
			t.Errorf("the faults %q lack %q", got, want)
		}
	}
}
