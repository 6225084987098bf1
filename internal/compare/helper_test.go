// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/events/ecs"
)

// start is when the tests begin.
var start = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

// streams feeds a comparison of a sensor in eBPF mode with one in audit mode.
type streams struct {
	t       *testing.T
	c       *Comparison
	encoder *ecs.Encoder
}

func newStreams(t *testing.T, change func(*Options)) *streams {
	t.Helper()
	o := Options{Sides: [2]SideOptions{{Name: "ebpf", Source: "ebpf"}, {Name: "audit", Source: "audit"}}}
	if change != nil {
		change(&o)
	}
	c := New(o)
	c.Begin(start)
	return &streams{t, c, ecs.NewEncoder(ecs.Options{AgentID: "agent", DatasetPrefix: "sensor", Namespace: "default"})}
}

// add gives an event to a side, at a time after the start, told ms later.
func (s *streams) add(side Side, after time.Duration, e *events.Event) {
	s.t.Helper()
	e.Time = start.Add(after)
	e.Created = e.Time.Add(time.Millisecond)
	e.Provider = s.c.options.Sides[side].Source
	if err := s.c.Add(side, s.encoder.Append(nil, e)); err != nil {
		s.t.Fatal(err)
	}
}

// end gives the report of all that was added.
func (s *streams) end(after time.Duration) *Report {
	s.t.Helper()
	s.c.End(start.Add(after))
	r := s.c.Report()
	for _, fault := range r.check() {
		s.t.Error(fault)
	}
	if p := s.c.Progress().Pending; p != 0 {
		s.t.Errorf("%d events wait at the end", p)
	}
	return r
}

func kindOf(t *testing.T, r *Report, kind events.Kind) KindReport {
	t.Helper()
	for _, k := range r.Kinds {
		if k.Kind == kind.String() {
			return k
		}
	}
	t.Fatalf("the report has no kind %s", kind)
	return KindReport{}
}

func fieldOf(r *Report, name string) FieldReport {
	for _, f := range r.Fields {
		if f.Field == name {
			return f
		}
	}
	return FieldReport{}
}

func process(pid uint32) *events.Process {
	return &events.Process{PID: pid, TID: pid, Name: "sh", Executable: events.Path{Name: "/bin/sh"}, Args: events.Args{Packed: "sh\x00", Count: 1}}
}

func exec(pid uint32, executable string) *events.Event {
	p := process(pid)
	p.Executable.Name = executable
	return &events.Event{Kind: events.KindExec, Process: p}
}
