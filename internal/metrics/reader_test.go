// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"sensor/internal/events"
)

// The event says what the sources say.
func TestEvent(t *testing.T) {
	s := full()
	e := reader(t, s).Event()
	if e.Kind != events.KindMetrics || e.Metrics == nil || e.Serving == nil {
		t.Fatalf("got %+v", e)
	}
	m := e.Metrics
	if m.Balance.String() != s.Ledger.Read().String() {
		t.Errorf("got %s, want %s", m.Balance, s.Ledger.Read())
	}
	if !m.Start.Equal(s.Start) || *m.Queue != s.Queue() || *m.Table != s.Table() || !reflect.DeepEqual(*m.Bulk, s.Bulk()) {
		t.Errorf("got %+v", m)
	}
	if m.Spool.Events != 9 || m.Spool.Bytes != 10 || m.Spool.Damaged != 11 || !m.Spool.OnDisk {
		t.Errorf("got %+v", m.Spool)
	}
	if want := s.Serving(); !reflect.DeepEqual(e.Serving.By, want.By) || !slices.Equal(e.Serving.Not, want.Not) || e.Serving.Cause != "" {
		t.Errorf("got %+v", e.Serving)
	}
}

// What does not exist is nil, and nothing asks for it.
func TestEventOfFewSources(t *testing.T) {
	for name, s := range map[string]Sources{
		"nothing":         {},
		"nobody knows":    {Ledger: &events.Ledger{}, Serving: func() *events.Serving { return nil }},
		"the ledger only": {Ledger: &events.Ledger{}},
	} {
		e := reader(t, s).Event()
		if m := e.Metrics; e.Serving != nil || m.Queue != nil || m.Spool != nil || m.Bulk != nil || m.Table != nil {
			t.Errorf("%s: got %+v of %+v", name, m, e)
		}
	}
}

// The sensor's own CPU time grows with what it does, and its memory is some.
func TestUsage(t *testing.T) {
	r := reader(t, Sources{})
	before := r.Read().Usage
	if before == nil {
		t.Fatal("unknown")
	}
	if before.Resident < 1<<20 || before.Resident > 1<<36 || before.Heap <= 0 || before.Heap > 1<<36 || before.Threads < 1 || before.Goroutines < 2 {
		t.Errorf("got %+v", before)
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if now := r.Read().Usage; now.User+now.System >= before.User+before.System+5*tick {
			return
		}
	}
	t.Error("a minute of work takes no CPU time")
}

// Whatever the other end answers, there are few names, and no request is left out.
func TestByStatus(t *testing.T) {
	got := map[string]uint64{}
	var names []string
	for _, c := range ByStatus(map[int]uint64{0: 1, 200: 2, 201: 3, 299: 4, 429: 5, 418: 6, -1: 7, 99: 8, 600: 9, 1000000: 10}) {
		names = append(names, c.Status)
		if c.Count > 0 {
			got[c.Status] = c.Count
		}
	}
	want := map[string]uint64{"none": 1, "200": 2, "2xx": 7, "429": 5, "4xx": 6, "other": 34}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(names) != 19 || !slices.IsSorted(names) {
		t.Errorf("%d names: %q", len(names), names)
	}
	if all := ByStatus(nil); len(all) != len(names) {
		t.Errorf("without requests there are %v", all)
	}
}
