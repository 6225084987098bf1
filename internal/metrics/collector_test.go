// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"sensor/internal/events"
)

// gathered are the values of one scrape by name and labels, as in
// "sensor_events_spooled kind=exec"; of a histogram those of its parts.
func gathered(t *testing.T, s Sources) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(&collector{reader(t, s), newFamilies()}); err != nil {
		t.Fatal(err)
	}
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range list {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			if h := m.GetHistogram(); h != nil {
				for _, b := range h.GetBucket() {
					values[fmt.Sprint(name, " le=", b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
				values[name+" count"], values[name+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
			} else {
				values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return values
}

func TestCollect(t *testing.T) {
	got := gathered(t, full())
	for name, want := range map[string]float64{
		"process_start_time_seconds":                                     1700000000,
		"sensor_events_generated_total kind=exec":                        10,
		"sensor_events_synthesized_total kind=serving":                   4,
		"sensor_events_recovered_total kind=exec":                        1,
		"sensor_events_delivered_total kind=exec":                        8,
		"sensor_events_filtered_total kind=exec":                         3,
		"sensor_events_aggregated_total kind=connect":                    2,
		"sensor_events_spooled kind=exec":                                1,
		"sensor_events_lost_total kind=exec":                             5,
		"sensor_events_lost_total kind=fork":                             0,
		"sensor_events_lost_total kind=unknown":                          6,
		"sensor_events_dropped_total kind=exec stage=ring":               5,
		"sensor_events_dropped_total kind=unknown stage=decode":          6,
		"sensor_queue_events":                                            7,
		"sensor_queue_bytes":                                             8,
		"sensor_spool_events":                                            9,
		"sensor_spool_bytes":                                             10,
		"sensor_spool_on_disk":                                           1,
		"sensor_spool_damaged_records_total":                             11,
		"sensor_bulk_requests_total status=200":                          12,
		"sensor_bulk_requests_total status=503":                          13,
		"sensor_bulk_requests_total status=429":                          0,
		"sensor_bulk_request_bytes_total":                                14,
		"sensor_bulk_retried_events_total":                               15,
		"sensor_bulk_rejected_events_total":                              16,
		"sensor_bulk_duplicate_events_total":                             17,
		"sensor_bulk_dead_letter_failures_total":                         22,
		"sensor_bulk_last_success_timestamp_seconds":                     1700000100.5,
		"sensor_bulk_latency_seconds le=0.005":                           1,
		"sensor_bulk_latency_seconds le=0.01":                            3,
		"sensor_bulk_latency_seconds le=10":                              28,
		"sensor_bulk_latency_seconds count":                              36,
		"sensor_bulk_latency_seconds sum":                                90,
		"sensor_process_table_entries":                                   18,
		"sensor_process_table_bytes":                                     19,
		"sensor_process_table_evicted_total":                             20,
		"sensor_process_table_unknown_total":                             21,
		"sensor_source_info kind=exec source=ebpf variant=tracepoint":    1,
		"sensor_source_info kind=file_integrity source=inotify variant=": 1,
		"sensor_kind_served kind=exec":                                   1,
		"sensor_kind_served kind=close":                                  0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s = %v (there: %v), want %v", name, value, ok, want)
		}
	}
	if age := got["sensor_spool_oldest_age_seconds"]; age < 3600 || age > 7200 {
		t.Errorf("the oldest event is %v s old, want an hour", age)
	}
	for _, name := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "process_threads", "go_memstats_heap_alloc_bytes", "go_goroutines"} {
		if _, ok := got[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	for _, name := range []string{"sensor_kind_served kind=bind", "sensor_events_dropped_total kind=exec stage=queue"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s = %v stands there", name, value)
		}
	}
}

// A kind that is served has all its counts before anything happens, or nobody
// would see the first one come. Others have none.
func TestCollectFromTheStart(t *testing.T) {
	got := gathered(t, Sources{Ledger: &events.Ledger{}, Serving: func() *events.Serving {
		return &events.Serving{By: []events.Served{{Kind: events.KindExec, Source: "ebpf"}}, Not: []events.Kind{events.KindFork}}
	}})
	for _, name := range []string{"generated_total", "synthesized_total", "recovered_total", "delivered_total", "filtered_total", "aggregated_total", "lost_total", "spooled"} {
		for kind, want := range map[string]bool{"exec": true, "events_lost": true, "metrics": true, "fork": false, "bind": false, "unknown": false} {
			if value, ok := got["sensor_events_"+name+" kind="+kind]; ok != want || value != 0 {
				t.Errorf("%s of %s = %v, there: %v", name, kind, value, ok)
			}
		}
	}
	for name := range got {
		for _, absent := range []string{"sensor_spool_", "sensor_bulk_", "sensor_queue_", "sensor_process_table_", "sensor_events_dropped_"} {
			if strings.HasPrefix(name, absent) {
				t.Errorf("%s stands there", name)
			}
		}
	}
}

// The spool is empty, or the clock was set back.
func TestCollectAge(t *testing.T) {
	for name, oldest := range map[string]time.Time{"empty": {}, "from the future": time.Now().Add(time.Hour)} {
		s := Sources{Spool: func() events.SpoolMetrics { return events.SpoolMetrics{Oldest: oldest} }}
		got := gathered(t, s)
		if age, ok := got["sensor_spool_oldest_age_seconds"]; !ok || age != 0 || got["sensor_spool_on_disk"] != 0 {
			t.Errorf("%s: %v s old, there: %v", name, age, ok)
		}
	}
}

// What has not happened yet is 0 to Prometheus.
func TestCollectNever(t *testing.T) {
	got := gathered(t, Sources{Bulk: func() events.BulkMetrics { return events.BulkMetrics{} }})
	for _, name := range []string{"sensor_bulk_last_success_timestamp_seconds", "process_start_time_seconds"} {
		if at, ok := got[name]; !ok || at != 0 {
			t.Errorf("%s = %v, there: %v", name, at, ok)
		}
	}
}

// The number of series is bounded, whatever is counted.
func TestCollectBounded(t *testing.T) {
	s := full()
	var by []events.Served
	for kind := range events.KindCount {
		for _, stage := range events.Reasons() {
			s.Ledger.Dropped(stage, kind, 1)
		}
		by = append(by, events.Served{Kind: kind, Source: "ebpf"})
	}
	s.Serving = func() *events.Serving { return &events.Serving{By: by} }
	requests := map[int]uint64{}
	for status := -1000; status < 10000; status++ {
		requests[status] = 1
	}
	bulk := s.Bulk()
	bulk.Requests = ByStatus(requests)
	s.Bulk = func() events.BulkMetrics { return bulk }
	if n, most := len(gathered(t, s)), int(events.KindCount)*(8+len(events.Reasons())+2)+19+60; n > most {
		t.Errorf("%d series, want at most %d", n, most)
	}
}

func TestLint(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{reader(t, full()), newFamilies()})
	list, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(list).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if len(list) < 30 {
		t.Errorf("only %d metrics were looked at", len(list))
	}
}

// Each metric that is described is served, and none else: the registry of
// gathered is pedantic.
func TestDescribe(t *testing.T) {
	c := &collector{reader(t, full()), newFamilies()}
	descs := make(chan *prometheus.Desc, 1000)
	c.Describe(descs)
	close(descs)
	want := map[string]bool{}
	for desc := range descs {
		want[desc.String()] = true
	}
	metrics := make(chan prometheus.Metric, 10000)
	c.Collect(metrics)
	close(metrics)
	got := map[string]bool{}
	for m := range metrics {
		got[m.Desc().String()] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("served %q, described %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// Scrapes and reports go on while the numbers change.
func TestConcurrent(t *testing.T) {
	s := full()
	r := reader(t, s)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{r, newFamilies()})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := registry.Gather(); err != nil {
					t.Error(err)
				}
				r.Event()
				s.Ledger.Generated(events.KindExec, 1)
				s.Ledger.Dropped(events.ReasonQueueFull, events.KindExec, 1)
			}
		})
	}
	wg.Wait()
	if got := gathered(t, s)["sensor_events_lost_total kind=exec"]; got != 205 {
		t.Errorf("lost %v, want 205", got)
	}
}
