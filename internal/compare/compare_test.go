// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sensor/internal/events"
)

const second = time.Second

func connect(pid, tid uint32, port uint16, outcome events.Outcome) *events.Event {
	p := process(pid)
	p.TID = tid
	return &events.Event{Kind: events.KindConnect, Process: p, Outcome: outcome, Network: &events.Network{
		Destination: events.Endpoint{Addr: netip.MustParseAddr("192.0.2.1"), Port: port}, Direction: events.DirectionEgress, Protocol: 6,
	}}
}

func write(pid uint32, path string, summary bool) *events.Event {
	return &events.Event{Kind: events.KindFileWrite, Process: process(pid), File: &events.File{Path: events.Path{Name: path}, Summary: summary}}
}

// What a comparison of one kind is to find.
type want struct {
	both, onlyA, onlyB uint64
	rules              string // of both sides: name=count, a's first
	undecidedA         uint64
	undecidedB         uint64
	differ             string // fields
}

func TestPairing(t *testing.T) {
	untried := map[string]bool{}
	for _, rule := range Rules() {
		untried[rule.Name] = true
	}
	known := func(e *events.Event, entity string) *events.Event {
		e.Process.EntityID = entity
		return e
	}
	exit := func(pid uint32, status uint32) *events.Event {
		return &events.Event{Kind: events.KindExit, Process: process(pid), End: &events.End{Status: status}}
	}
	for _, test := range []struct {
		name string
		kind events.Kind
		feed func(s *streams)
		want want
	}{
		{"one and the same", events.KindExec, func(s *streams) {
			s.add(A, second, exec(7, "/bin/a"))
			s.add(B, second, exec(7, "/bin/a"))
		}, want{both: 1}},
		{"the later source first", events.KindExec, func(s *streams) {
			s.add(B, second, exec(7, "/bin/a"))
			s.add(A, second, exec(7, "/bin/a"))
		}, want{both: 1}},
		{"one alone", events.KindExec, func(s *streams) {
			s.add(A, second, exec(7, "/bin/a"))
			s.add(B, second, exec(8, "/bin/a"))
		}, want{onlyA: 1, onlyB: 1}},
		{"another program", events.KindExec, func(s *streams) {
			one, other := exec(7, "/bin/a"), exec(7, "/bin/b")
			other.Process.Args = events.Args{Packed: "b\x00"}
			s.add(A, second, one)
			s.add(B, second, other)
		}, want{onlyA: 1, onlyB: 1}},
		{"another argument", events.KindExec, func(s *streams) {
			other := exec(7, "/bin/a")
			other.Process.Args = events.Args{Packed: "b\x00", Count: 1}
			s.add(A, second, exec(7, "/bin/a"))
			s.add(B, second, other)
		}, want{both: 1, differ: "process.args process.command_line process.title"}},
		{"another time", events.KindExec, func(s *streams) {
			s.add(A, 1*second, exec(7, "/bin/a"))
			s.add(B, 4*second, exec(7, "/bin/a"))
		}, want{onlyA: 1, onlyB: 1}},
		{"a call that was slow", events.KindExec, func(s *streams) {
			e := exec(7, "/bin/a")
			e.Time, e.Created = start.Add(1*second), start.Add(4*second)
			s.add(A, 4*second, exec(7, "/bin/a"))
			if err := s.c.Add(B, s.encoder.Append(nil, e)); err != nil {
				s.t.Fatal(err)
			}
		}, want{both: 1}},
		{"a pid that was given again", events.KindExit, func(s *streams) {
			s.add(A, second, known(exit(7, 0), "first"))
			s.add(B, second, known(exit(7, 0), "second"))
		}, want{onlyA: 1, onlyB: 1}},
		{"a process whose start only one knows", events.KindExit, func(s *streams) {
			s.add(A, second, known(exit(7, 0), "first"))
			s.add(B, second, exit(7, 0))
		}, want{both: 1}},
		{"several in a row", events.KindConnect, func(s *streams) {
			for i := range 10 {
				s.add(A, second+time.Duration(i)*time.Microsecond, connect(7, 7, 80, events.OutcomeSuccess))
			}
			for range 10 {
				s.add(B, second, connect(7, 7, 80, events.OutcomeSuccess))
			}
		}, want{both: 10}},
		{"several in a row, the first lost", events.KindConnect, func(s *streams) {
			for i := range 5 {
				s.add(A, time.Duration(i)*100*time.Millisecond, connect(7, 7, 80, events.OutcomeSuccess))
			}
			for i := 1; i < 5; i++ {
				s.add(B, time.Duration(i)*100*time.Millisecond, connect(7, 7, 80, events.OutcomeSuccess))
			}
		}, want{both: 4, onlyA: 1}},
		{"threads", events.KindConnect, func(s *streams) {
			s.add(A, second, connect(7, 8, 80, events.OutcomeSuccess))
			s.add(B, second, connect(7, 9, 80, events.OutcomeFailure))
			s.add(B, second, connect(7, 8, 80, events.OutcomeSuccess))
			s.add(A, second, connect(7, 9, 80, events.OutcomeFailure))
		}, want{both: 2}},
		{"the one that differs least", events.KindConnect, func(s *streams) {
			s.add(A, second, connect(7, 7, 80, events.OutcomeSuccess))
			s.add(A, second, connect(7, 7, 80, events.OutcomeFailure))
			s.add(B, second, connect(7, 7, 80, events.OutcomeFailure))
			s.add(B, second, connect(7, 7, 80, events.OutcomeSuccess))
		}, want{both: 2}},
		{"a call that waited", events.KindAccept, func(s *streams) {
			accept := func() *events.Event {
				return &events.Event{Kind: events.KindAccept, Process: process(7), Network: &events.Network{
					Source: events.Endpoint{Addr: netip.MustParseAddr("192.0.2.1"), Port: 4000}}}
			}
			s.add(A, 60*second, accept())
			s.add(B, 60*second, exec(9, "/bin/later"))
			late := accept()
			late.Time, late.Created = start.Add(5*second), start.Add(60*second)
			if err := s.c.Add(B, s.encoder.Append(nil, late)); err != nil {
				s.t.Fatal(err)
			}
		}, want{both: 1}},
		{"before both watched", events.KindExec, func(s *streams) {
			s.add(A, -second, exec(7, "/bin/a"))
			s.add(A, -second, exec(8, "/bin/a"))
			s.add(B, -second, exec(8, "/bin/a"))
		}, want{both: 1, undecidedA: 1}},
		{"after both watched", events.KindExec, func(s *streams) {
			s.add(B, 101*second, exec(7, "/bin/a"))
		}, want{undecidedB: 1}},
		{"killed", events.KindExit, func(s *streams) {
			s.add(A, second, exit(7, 9))
			s.add(A, second, exit(8, 0))
		}, want{onlyA: 1, rules: "killed=1"}},
		{"file opened and written, twice", events.KindFileWrite, func(s *streams) {
			for i := range time.Duration(2) {
				s.add(B, i*second, write(7, "/f", false))
				s.add(A, i*second, write(7, "/f", false))
				s.add(A, i*second, write(7, "/f", true))
			}
		}, want{both: 2, rules: "write_summary=2"}},
		{"file opened only after it was written", events.KindFileWrite, func(s *streams) {
			s.add(A, second, write(7, "/f", false))
			s.add(B, second+100*time.Millisecond, write(7, "/f", false))
		}, want{rules: "written_later=1 opened_again=1"}},
		{"file opened twice and written once", events.KindFileWrite, func(s *streams) {
			s.add(B, 1*second, write(7, "/f", false))
			s.add(B, 1*second, write(7, "/f", false))
			s.add(A, 1*second, write(7, "/f", false))
		}, want{both: 1, rules: "opened_again=1"}},
		{"file written long after its open", events.KindFileWrite, func(s *streams) {
			s.add(B, 1*second, write(7, "/f", false))
			s.add(A, 9*second, write(7, "/f", false))
		}, want{rules: "written_later=1 opened_again=1"}},
		{"file opened by another", events.KindFileWrite, func(s *streams) {
			s.add(B, 1*second, write(7, "/f", false))
			s.add(A, 1*second, write(8, "/f", false))
			s.add(A, 1*second, write(8, "/g", false))
		}, want{onlyA: 1, rules: "passed_descriptor=1 opened_only=1"}},
		{"io_uring", events.KindFileWrite, func(s *streams) {
			e := write(7, "/f", false)
			e.Process.ThreadName = "iou-wrk-7"
			s.add(A, second, e)
		}, want{rules: "io_uring=1"}},
		{"connect that does not wait, and is asked for its outcome", events.KindConnect, func(s *streams) {
			s.add(A, second, connect(7, 7, 80, events.OutcomeSuccess))
			s.add(A, second, connect(8, 8, 80, events.OutcomeSuccess))
			s.add(B, second, connect(7, 7, 80, events.OutcomeUnknown))
			s.add(B, second, connect(8, 8, 80, events.OutcomeSuccess))
			s.add(B, second, connect(7, 7, 80, events.OutcomeSuccess))
			s.add(B, second, connect(8, 8, 80, events.OutcomeSuccess))
			s.add(B, second, connect(9, 9, 80, events.OutcomeUnknown)) // for the first time
		}, want{both: 2, onlyB: 2, rules: "connect_again=1"}},
		{"accept that does not ask", events.KindAccept, func(s *streams) {
			accept := func(pid uint32, port uint16) *events.Event {
				return &events.Event{Kind: events.KindAccept, Process: process(pid), Network: &events.Network{
					Source: events.Endpoint{Addr: netip.MustParseAddr("192.0.2.1"), Port: port}}}
			}
			s.add(A, second, accept(7, 4000))
			s.add(A, second, accept(8, 4000))
			s.add(A, second, accept(8, 4001))
			s.add(B, second, accept(8, 4000)) // which does ask
		}, want{both: 1, onlyA: 1, rules: "peer_not_asked=1"}},
		{"listens", events.KindListen, func(s *streams) {
			listen := func(pid uint32, address string, outcome events.Outcome) *events.Event {
				e := &events.Event{Kind: events.KindListen, Process: process(pid), Outcome: outcome, Network: &events.Network{}}
				if address != "" {
					e.Network.Source = events.Endpoint{Addr: netip.MustParseAddr(address), Port: 80}
				}
				return e
			}
			s.add(A, second, listen(7, "192.0.2.1", events.OutcomeSuccess))
			s.add(A, second, listen(8, "192.0.2.1", events.OutcomeFailure))
			s.add(A, second, listen(9, "192.0.2.1", events.OutcomeSuccess))
			s.add(B, second, listen(7, "", events.OutcomeSuccess))
			s.add(B, second, listen(7, "", events.OutcomeSuccess))
		}, want{both: 1, onlyA: 1, rules: "failed_listen=1 listen_again=1"}},
		{"attributes that are set one after the other, first by a descriptor", events.KindFileAttributes, func(s *streams) {
			set := func(path string, group uint32) *events.Event {
				e := write(7, path, false)
				e.Kind, e.File.Inode, e.File.HasMode, e.File.Group.ID = events.KindFileAttributes, 5, true, group
				return e
			}
			s.add(B, second, set("", 1))
			s.add(B, second, set("/f", 2))
			s.add(A, second, set("/f", 1))
			s.add(A, second, set("/f", 2))
		}, want{both: 2}},
		{"file opened before", events.KindFileWrite, func(s *streams) {
			s.c.Opened("/f\xff")
			s.add(A, second, write(7, "/f\xff", false))
			s.add(A, second, write(7, "/g", false))
		}, want{onlyA: 1, rules: "opened_before=1"}},
		{"datagram", events.KindConnect, func(s *streams) {
			e := connect(7, 8, 80, events.OutcomeSuccess)
			e.Network.Protocol = 17
			s.add(A, second, e)
		}, want{rules: "datagram=1"}},
		{"files made and written", events.KindFileWrite, func(s *streams) {
			for pid, path := range map[uint32]string{7: "/f", 8: "/g"} {
				e := write(pid, path, false)
				e.Kind = events.KindFileCreate
				s.add(B, second, e)
			}
			s.add(A, second, write(7, "/f", false))
			s.add(A, second, write(7, "/g", false))
			s.add(A, second, write(7, "/h", false))
		}, want{onlyA: 1, rules: "created=1 passed_descriptor=1"}},
		{"helper of the kernel", events.KindExec, func(s *streams) {
			e := exec(7, "/sbin/modprobe")
			e.Family.Parent = &events.Process{PID: 2}
			s.add(A, second, e)
		}, want{rules: "kernel_helper=1"}},
		{"snapshots", events.KindAlreadyRunning, func(s *streams) {
			s.add(A, second, &events.Event{Kind: events.KindAlreadyRunning, Process: process(7)})
			s.add(B, second, &events.Event{Kind: events.KindAlreadyRunning, Process: process(7)})
			s.add(B, second, &events.Event{Kind: events.KindAlreadyRunning, Process: process(8)})
		}, want{both: 1, rules: "snapshot=1"}},
		{"a process that audit does not trace", events.KindExec, func(s *streams) {
			s.c.options.Sides[B].BlindBefore = start
			for pid, began := range map[uint32]time.Duration{7: -second, 8: second, 9: -second} {
				e := exec(pid, "/bin/a")
				e.Process.Start = start.Add(began)
				s.add(A, second, e)
			}
			s.add(B, second, connect(9, 9, 80, events.OutcomeSuccess)) // which it does trace
		}, want{onlyA: 2, rules: "untraced_process=1"}},
		{"a file that such a process has handed on", events.KindFileWrite, func(s *streams) {
			s.c.options.Sides[B].BlindBefore = start
			made, written := write(7, "/f", false), write(8, "/f", false)
			made.Kind = events.KindFileCreate
			made.Process.Start, written.Process.Start = start.Add(-second), start.Add(second)
			s.add(A, second, made)
			s.add(A, second, written)
			s.add(A, second, write(8, "/g", false))
		}, want{onlyA: 1, rules: "untraced_opener=1"}},
		{"a process that audit does tell of, and one that is as old", events.KindExec, func(s *streams) {
			s.c.options.Sides[B].BlindBefore, s.c.options.Sides[B].Witness = start, 5
			e := exec(7, "/bin/a")
			e.Process.Start = start.Add(-second)
			s.add(A, second, e)
			s.add(B, second, connect(5, 5, 80, events.OutcomeSuccess))
		}, want{onlyA: 1}},
		{"a kind that audit does not tell", events.KindFork, func(s *streams) {
			s.c.options.Sides[B].Kinds = []events.Kind{events.KindExec}
			s.add(A, second, &events.Event{Kind: events.KindFork, Process: process(7)})
		}, want{rules: "not_told=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStreams(t, nil)
			test.feed(s)
			r := s.end(100 * second)
			k := kindOf(t, r, test.kind)
			got := want{both: k.Both, onlyA: k.A.Only, onlyB: k.B.Only, undecidedA: k.A.Undecided.Total(), undecidedB: k.B.Undecided.Total()}
			var rules, differ []string
			for _, side := range []KindSide{k.A, k.B} {
				for _, rule := range Rules() {
					if n := side.Rules[rule.Name]; n > 0 {
						delete(untried, rule.Name)
						rules = append(rules, fmt.Sprintf("%s=%d", rule.Name, n))
					}
				}
			}
			for _, f := range r.Fields {
				if f.Differ > 0 {
					differ = append(differ, f.Field)
				}
			}
			got.rules, got.differ = strings.Join(rules, " "), strings.Join(differ, " ")
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if len(untried) > 0 {
		t.Errorf("no case for the rules %v", untried)
	}
}

// What has no partner is told while the streams go on, and only once the partner would have come.
func TestSettledOnTheWay(t *testing.T) {
	s := newStreams(t, nil)
	s.add(A, 0, exec(7, "/bin/a"))
	s.add(A, 30*second, exec(8, "/bin/b"))
	if p := s.c.Progress(); p.Only[A] != 0 || p.Pending != 2 {
		t.Errorf("decided before the other side has told anything: %+v", p)
	}
	s.add(B, 9*second, exec(9, "/bin/c"))
	if p := s.c.Progress(); p.Only[A] != 0 || p.Pending != 3 {
		t.Errorf("decided within the window: %+v", p)
	}
	s.c.Advance(B, start.Add(11*second))
	if p := s.c.Progress(); p.Only[A] != 1 || p.Pending != 2 {
		t.Errorf("not decided after the window: %+v", p)
	}
	s.add(B, 30*second, exec(8, "/bin/b"))
	if k := kindOf(t, s.end(100*second), events.KindExec); k.Both != 1 || k.A.Only != 1 || k.B.Only != 1 {
		t.Errorf("got %+v", k)
	}
}

// A time in the future does not make the comparison give up on the present.
func TestFutureTime(t *testing.T) {
	s := newStreams(t, nil)
	s.add(A, second, exec(7, "/bin/a"))
	future := exec(8, "/bin/b")
	future.Time, future.Created = start.Add(1e6*second), start.Add(second)
	for _, side := range []Side{A, B} {
		if err := s.c.Add(side, s.encoder.Append(nil, future)); err != nil {
			t.Fatal(err)
		}
	}
	s.add(B, second, exec(7, "/bin/a"))
	if k := kindOf(t, s.end(100*second), events.KindExec); k.Both != 2 {
		t.Errorf("got %+v, want 2 pairs", k)
	}
}

// What does not fit is undecided on both sides, and of other times nothing is.
func TestFull(t *testing.T) {
	const most = 100
	s := newStreams(t, func(o *Options) { o.PendingEvents = most })
	for i := range uint32(3 * most) {
		s.add(A, 20*second, exec(i+1, "/bin/a"))
	}
	for i := range uint32(3 * most) {
		s.add(B, 20*second, exec(i+1, "/bin/a"))
	}
	s.c.Advance(B, start.Add(60*second))
	s.add(A, 80*second, exec(7, "/bin/alone"))
	k := kindOf(t, s.end(100*second), events.KindExec)
	if k.Both != most || k.A.Undecided.Full != 2*most || k.B.Undecided.Full != 2*most || k.A.Only != 1 || k.B.Only != 0 {
		t.Errorf("got %+v", k)
	}
}

func TestFullOfBytes(t *testing.T) {
	const most = 1 << 20
	s := newStreams(t, func(o *Options) { o.PendingBytes = most })
	for i := range uint32(1000) {
		s.add(A, 0, exec(i+1, "/"+strings.Repeat("x", 10_000)))
		if size := s.c.sides[A].waiting.size; size > most {
			t.Fatalf("%d bytes wait", size)
		}
	}
	if k := kindOf(t, s.end(second), events.KindExec); k.A.Undecided.Full < 800 || k.A.Only == 0 {
		t.Errorf("got %+v", k)
	}
}

// An event that the other side has told as lost is not missed in silence.
func TestToldLost(t *testing.T) {
	s := newStreams(t, nil)
	for i := range uint32(5) {
		s.add(A, second, exec(i+1, "/bin/a"))
	}
	s.add(A, 20*second, exec(9, "/bin/a"))
	s.add(B, 2*second, &events.Event{Kind: events.KindEventsLost, Loss: &events.Loss{Kind: events.KindExec, Count: 3, First: start, Last: start.Add(2 * second)}})
	if k := kindOf(t, s.end(100*second), events.KindExec); k.A.Only != 6 || k.A.ToldLost != 3 {
		t.Errorf("got %+v, want 6 of which 3 were told as lost", k)
	}
}

func TestIgnoredAndFaulty(t *testing.T) {
	s := newStreams(t, func(o *Options) { o.Ignore = []uint32{7} })
	s.add(A, second, exec(7, "/bin/a"))
	s.add(A, second, exec(8, "/bin/a"))
	for _, line := range []string{"", "{", "[]", "{}", `{"@timestamp":"2026-11-23T17:00:00Z"}`, `{"@timestamp":7}`, `{"@timestamp":"2026-11-23T17:00:00Z","event":{"action":"dance","category":["leisure"]}}`} {
		if err := s.c.Add(A, []byte(line)); err == nil || !strings.Contains(err.Error(), "read an event of ebpf") {
			t.Errorf("%s: error %v", line, err)
		}
	}
	r := s.end(100 * second)
	if r.A.Seen != 1 || r.A.Ignored != 1 || r.A.Faulty != 7 {
		t.Errorf("got %+v", r.A)
	}
}

func TestFieldRules(t *testing.T) {
	s := newStreams(t, nil)
	pair := func(kind events.Kind, a, b func(e *events.Event), later time.Duration) {
		one, other := connect(7, 7, 80, events.OutcomeSuccess), connect(7, 7, 80, events.OutcomeSuccess)
		one.Kind, other.Kind = kind, kind
		a(one)
		b(other)
		s.add(A, second+later, one)
		s.add(B, second, other)
	}
	none := func(*events.Event) {}
	pair(events.KindConnect, func(e *events.Event) {
		e.Process.Start, e.Process.EntityID = start.Add(7*time.Millisecond), "entity"
	}, none, 5*time.Millisecond)
	pair(events.KindConnect, func(e *events.Event) { e.Process.Start = start.Add(17 * time.Millisecond) }, func(e *events.Event) { e.Process.Start = start.Add(10 * time.Millisecond) }, 0)
	pair(events.KindConnect, func(e *events.Event) { e.Process.Start = start.Add(2 * second) }, func(e *events.Event) { e.Process.Start = start }, -500*time.Millisecond)
	pair(events.KindConnect, none, func(e *events.Event) {
		e.Outcome = events.OutcomeFailure
		e.Network.Code = "EINPROGRESS"
	}, 0)
	pair(events.KindConnect, none, func(e *events.Event) { e.Outcome = events.OutcomeFailure; e.Network.Code = "ECONNREFUSED" }, 0)
	pair(events.KindConnect, func(e *events.Event) { e.Process.VPID = 3 }, func(e *events.Event) { e.Network.Namespace = 9 }, 0)
	pair(events.KindConnect, func(e *events.Event) {
		e.Family.EntryLeader = &events.Process{PID: 1, Name: "init", EntryMeta: events.EntryMeta{Type: "init"}}
	}, func(e *events.Event) {
		e.Family.EntryLeader = &events.Process{PID: 7, EntryMeta: events.EntryMeta{Type: "unknown"}}
	}, 0)
	r := s.end(100 * second)
	for name, want := range map[string]FieldReport{
		"process.entry_leader.pid":  {Rules: map[string]uint64{"unknown_entry": 1}},
		"process.entry_leader.name": {Rules: map[string]uint64{"unknown_entry": 1}},
		"@timestamp":                {Agree: 5, Differ: 1, Rules: map[string]uint64{"call_time": 1}},
		"process.start":             {Differ: 1, Rules: map[string]uint64{"start_tick": 1, "start_unknown": 1}},
		"process.entity_id":         {Rules: map[string]uint64{"start_unknown": 1}},
		"event.outcome":             {Agree: 5, Differ: 1, Rules: map[string]uint64{"in_progress": 1}},
		"error.code":                {LackedA: 1, Rules: map[string]uint64{"in_progress": 1}},
		"process.vpid":              {LackedB: 1},
		"sensor.network.namespace":  {LackedA: 1},
		"destination.port":          {Agree: 7},
	} {
		got := fieldOf(r, name)
		if got.Agree != want.Agree || got.Differ != want.Differ || got.LackedA != want.LackedA || got.LackedB != want.LackedB || fmt.Sprint(got.Rules) != fmt.Sprint(want.Rules) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if f := fieldOf(r, "event.outcome"); len(f.Examples) != 1 || string(f.Examples[0].A) != `"success"` || string(f.Examples[0].B) != `"failure"` {
		t.Errorf("got the examples %+v", f.Examples)
	}
	for _, f := range r.Fields {
		if strings.HasPrefix(f.Field, "host.") || strings.HasPrefix(f.Field, "agent.") || f.Field == "event.provider" {
			t.Errorf("%s was compared", f.Field)
		}
	}
	if e := r.Agreement.Events; e != (Ratio{7, 7, 1}) {
		t.Errorf("events agree: %+v", e)
	}
}

// An accept whose call no program saw is told at the socket's end, with the time of the connection.
func TestAcceptUnseen(t *testing.T) {
	for _, test := range []struct {
		call  time.Duration // of audit, after the connection that eBPF tells
		read  time.Duration // by eBPF, after the connection
		holds bool
	}{
		{65 * time.Millisecond, 80 * time.Millisecond, true},
		{65 * time.Millisecond, time.Millisecond, false}, // told before it was called
	} {
		s := newStreams(t, nil)
		for side, e := range []*events.Event{A: connect(7, 7, 80, events.OutcomeSuccess), B: connect(7, 7, 80, events.OutcomeSuccess)} {
			e.Kind = events.KindAccept
			e.Time, e.Created = start.Add(second), start.Add(second+test.read)
			if Side(side) == B {
				e.Time, e.Created = start.Add(second+test.call), start.Add(second+test.call)
			}
			e.Provider = s.c.options.Sides[side].Source
			if err := s.c.Add(Side(side), s.encoder.Append(nil, e)); err != nil {
				t.Fatal(err)
			}
		}
		f := fieldOf(s.end(100*second), "@timestamp")
		if (f.Rules["accept_unseen"] == 1) != test.holds || (f.Differ == 1) == test.holds {
			t.Errorf("called %s later, read %s later: %+v", test.call, test.read, f)
		}
	}
}

// Each rule for fields holds in its case, and not in one that lacks what it is for.
func TestFieldRuleCases(t *testing.T) {
	none := func(*events.Event) {}
	file := func(path string, inode uint64) func(e *events.Event) {
		return func(e *events.Event) {
			e.File = &events.File{Path: events.Path{Name: path}, Inode: inode, Major: 1, HasMode: true, Mode: uint16(inode)}
		}
	}
	for _, test := range []struct {
		rule, field string
		kind        events.Kind
		a, b        func(e *events.Event)
		holds       bool
	}{
		{"name_as_given", "file.path", events.KindFileCreate, file("/real/f", 5), file("/link/f", 5), true},
		{"name_as_given", "file.path", events.KindFileWrite, file("/real/f", 5), file("/link/f", 6), false},
		{"attributes_then", "file.mode", events.KindFileWrite, file("/f", 5), file("/f", 6), true},
		{"attributes_then", "file.mode", events.KindFileCreate, file("/f", 5), file("/f", 6), false},
		{"arguments_cut", "process.args", events.KindExec, func(e *events.Event) { e.Process.Args.Cut = true }, func(e *events.Event) { e.Process.Args = events.Args{Packed: "sh\x00-c\x00", Count: 2} }, true},
		{"arguments_cut", "process.args", events.KindExec, none, func(e *events.Event) { e.Process.Args = events.Args{Packed: "sh\x00-c\x00", Count: 2} }, false},
		{"other_image", "process.args", events.KindFileWrite, func(e *events.Event) {
			file("/f", 5)(e)
			e.Process.Executable.Name, e.Process.Args.Packed = "/bin/cat", "cat\x00"
		}, file("/f", 5), true},
		{"other_image", "process.args", events.KindFileWrite, func(e *events.Event) {
			file("/f", 5)(e)
			e.Process.Args.Packed = "cat\x00"
		}, file("/f", 5), false},
		{"worker_name", "process.thread.name", events.KindExec, func(e *events.Event) { e.Process.ThreadName = "iou-wrk-7" }, func(e *events.Event) { e.Process.ThreadName = "sh" }, true},
		{"worker_name", "process.thread.name", events.KindExec, func(e *events.Event) { e.Process.ThreadName = "sh" }, func(e *events.Event) { e.Process.ThreadName = "iou-wrk-7" }, false},
		{"directory_then", "process.working_directory", events.KindFileCreate, func(e *events.Event) {
			file("/f", 5)(e)
			e.Process.WorkingDirectory.Name = "/a"
		}, func(e *events.Event) {
			file("/f", 5)(e)
			e.Process.WorkingDirectory.Name = "/b"
		}, true},
		{"directory_then", "process.working_directory", events.KindExec, func(e *events.Event) { e.Process.WorkingDirectory.Name = "/a" },
			func(e *events.Event) { e.Process.WorkingDirectory.Name = "/b" }, false},
		{"relative_directory", "process.parent.working_directory", events.KindExec, func(e *events.Event) {
			e.Family.Parent = &events.Process{PID: 3, WorkingDirectory: events.Path{Name: "/a"}}
		}, func(e *events.Event) {
			e.Family.Parent = &events.Process{PID: 3, WorkingDirectory: events.Path{Name: "/b"}}
		}, true},
	} {
		t.Run(fmt.Sprintf("%s %v", test.rule, test.holds), func(t *testing.T) {
			s := newStreams(t, nil)
			a, b := exec(7, "/bin/sh"), exec(7, "/bin/sh")
			a.Kind, b.Kind = test.kind, test.kind
			test.a(a)
			test.b(b)
			s.add(A, second, a)
			s.add(B, second, b)
			r := s.end(100 * second)
			k := kindOf(t, r, test.kind)
			f := fieldOf(r, test.field)
			if got := f.Rules[test.rule] == 1; got != test.holds || f.Differ > 0 == test.holds && k.Both == 1 {
				t.Errorf("%d pairs, the field compares as %+v", k.Both, f)
			}
		})
	}
}
