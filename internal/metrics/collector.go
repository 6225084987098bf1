// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sensor/internal/events"
)

// A family is a metric by its name, with what its values are told apart by.
type family struct {
	desc *prometheus.Desc
	typ  prometheus.ValueType
}

// families are all that is served.
type families struct {
	all []*prometheus.Desc

	build, start family

	generated, synthesized, recovered, delivered, filtered, aggregated, spooled, lost, dropped family

	queueEvents, queueBytes                                 family
	spoolEvents, spoolBytes, spoolAge, spoolOnDisk, damaged family
	requests, requestBytes, retries, rejected, duplicates   family
	unkept, success                                         family
	latency                                                 *prometheus.Desc
	source, served                                          family
	processes, processBytes, evicted, unknown               family
	cpu, resident, threads, heap, goroutines                family
}

func newFamilies() families {
	var all []*prometheus.Desc
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc(name, help, labels, nil)
		all = append(all, d)
		return d
	}
	counter := func(name, help string, labels ...string) family {
		return family{desc(name, help, labels...), prometheus.CounterValue}
	}
	gauge := func(name, help string, labels ...string) family {
		return family{desc(name, help, labels...), prometheus.GaugeValue}
	}
	f := families{
		build: gauge("sensor_build_info", "The version of the sensor, and of Go.", "version", "goversion"),
		start: gauge("process_start_time_seconds", "When this run of the sensor began, since which everything is counted."),

		generated:   counter("sensor_events_generated_total", "Events that the sources saw.", "kind"),
		synthesized: counter("sensor_events_synthesized_total", "Events that the sensor made itself.", "kind"),
		recovered:   counter("sensor_events_recovered_total", "Events that an earlier run had left in the spool.", "kind"),
		delivered:   counter("sensor_events_delivered_total", "Events that are where they were to go.", "kind"),
		filtered:    counter("sensor_events_filtered_total", "Events that are not wanted.", "kind"),
		aggregated:  counter("sensor_events_aggregated_total", "Events that went into another one.", "kind"),
		lost:        counter("sensor_events_lost_total", "Events that are lost, wherever: the sum of what is dropped.", "kind"),
		dropped:     counter("sensor_events_dropped_total", "Events that are lost, by where and why.", "stage", "kind"),
		spooled:     gauge("sensor_events_spooled", "Events that wait in the spool.", "kind"),

		queueEvents: gauge("sensor_queue_events", "Events that wait for the output."),
		queueBytes:  gauge("sensor_queue_bytes", "Memory that these events take, roughly."),

		spoolEvents: gauge("sensor_spool_events", "Events that wait for the search engine."),
		spoolBytes:  gauge("sensor_spool_bytes", "Room that these events take."),
		spoolAge:    gauge("sensor_spool_oldest_age_seconds", "Time since the oldest event in the spool was put there; 0 if there is none."),
		spoolOnDisk: gauge("sensor_spool_on_disk", "1 if the spool is on disk, 0 if it is in memory alone."),
		damaged:     counter("sensor_spool_damaged_records_total", "Records of the spool that could not be read back."),

		requests:     counter("sensor_bulk_requests_total", "Requests to the search engine, by the status of their answer.", "status"),
		requestBytes: counter("sensor_bulk_request_bytes_total", "Bytes of the bodies of these requests, compressed."),
		retries:      counter("sensor_bulk_retried_events_total", "Events that were sent again."),
		rejected:     counter("sensor_bulk_rejected_events_total", "Events that the search engine refuses for good."),
		duplicates:   counter("sensor_bulk_duplicate_events_total", "Events that the search engine had already."),
		unkept:       counter("sensor_bulk_dead_letter_failures_total", "Rejected events that could not be kept in the dead-letter file."),
		success:      gauge("sensor_bulk_last_success_timestamp_seconds", "When the search engine last took a request; 0 if it has not in this run."),
		latency:      desc("sensor_bulk_latency_seconds", "Time from a request to its answer."),

		source: gauge("sensor_source_info", "The source that tells of a kind, and its variant.", "kind", "source", "variant"),
		served: gauge("sensor_kind_served", "1 if a source tells of this kind, which is wanted, and 0 if none does.", "kind"),

		processes:    gauge("sensor_process_table_entries", "Processes that are known, alive or lately dead."),
		processBytes: gauge("sensor_process_table_bytes", "Memory that the table of processes takes, roughly."),
		evicted:      counter("sensor_process_table_evicted_total", "Processes that were forgotten for want of room while they were needed."),
		unknown:      counter("sensor_process_table_unknown_total", "Events whose process was not in the table when it should have been."),

		cpu:        counter("process_cpu_seconds_total", "CPU time that the sensor has taken, in user space and in the kernel."),
		resident:   gauge("process_resident_memory_bytes", "Memory that the sensor takes."),
		threads:    gauge("process_threads", "Threads of the sensor."),
		heap:       gauge("go_memstats_heap_alloc_bytes", "Bytes in Go objects, live or not yet swept."),
		goroutines: gauge("go_goroutines", "Goroutines of the sensor."),
	}
	f.all = all
	return f
}

// collector turns the numbers into metrics, for each scrape anew.
type collector struct {
	reader   *Reader
	families families
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.families.all {
		descs <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	f := &c.families
	o := output(metrics)
	m := c.reader.Read()
	o.one(f.build, 1, c.reader.sources.Version, runtime.Version())
	o.one(f.start, seconds(m.Start))
	serving := c.reader.serving()
	if serving == nil {
		serving = &events.Serving{}
	}
	o.ledger(f, &m.Balance, serving)
	o.serving(f, serving)
	if q := m.Queue; q != nil {
		o.one(f.queueEvents, float64(q.Events))
		o.one(f.queueBytes, float64(q.Bytes))
	}
	if s := m.Spool; s != nil {
		o.spool(f, s)
	}
	if b := m.Bulk; b != nil {
		o.bulk(f, b)
	}
	if t := m.Table; t != nil {
		o.one(f.processes, float64(t.Processes))
		o.one(f.processBytes, float64(t.Bytes))
		o.one(f.evicted, float64(t.Evicted))
		o.one(f.unknown, float64(t.Unknown))
	}
	if u := m.Usage; u != nil {
		o.one(f.cpu, (u.User + u.System).Seconds())
		o.one(f.resident, float64(u.Resident))
		o.one(f.threads, float64(u.Threads))
		o.one(f.heap, float64(u.Heap))
		o.one(f.goroutines, float64(u.Goroutines))
	}
}

type output chan<- prometheus.Metric

// seconds since 1970; 0 if there is no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

func (o output) one(f family, value float64, labels ...string) {
	o <- prometheus.MustNewConstMetric(f.desc, f.typ, value, labels...)
}

// ledger tells what became of the events of each kind. A kind that can come is
// told from the start, with zeros: its first loss is then seen as one. Where it
// was lost is told only of what was: there are far more stages than that.
func (o output) ledger(f *families, b *events.Balance, serving *events.Serving) {
	var expected [events.KindCount]bool
	for _, by := range serving.By {
		expected[by.Kind] = true
	}
	for kind := range events.KindCount { // of no known kind, too
		name := kind.String()
		lost := b.LostOf(name)
		if !expected[kind] && !kind.Traits().Internal && b.Generated[name]+b.Synthesized[name]+b.Recovered[name]+lost == 0 {
			continue
		}
		o.one(f.generated, float64(b.Generated[name]), name)
		o.one(f.synthesized, float64(b.Synthesized[name]), name)
		o.one(f.recovered, float64(b.Recovered[name]), name)
		o.one(f.delivered, float64(b.Delivered[name]), name)
		o.one(f.filtered, float64(b.Filtered[name]), name)
		o.one(f.aggregated, float64(b.Aggregated[name]), name)
		o.one(f.spooled, float64(b.Spooled[name]), name)
		o.one(f.lost, float64(lost), name)
	}
	for stage, counts := range b.Dropped {
		for kind, n := range counts {
			o.one(f.dropped, float64(n), stage, kind)
		}
	}
}

func (o output) serving(f *families, serving *events.Serving) {
	for _, by := range serving.By {
		o.one(f.source, 1, by.Kind.String(), by.Source, by.Variant)
		o.one(f.served, 1, by.Kind.String())
	}
	for _, kind := range serving.Not {
		o.one(f.served, 0, kind.String())
	}
}

func (o output) spool(f *families, s *events.SpoolMetrics) {
	var age time.Duration
	if !s.Oldest.IsZero() {
		age = max(0, time.Since(s.Oldest))
	}
	var onDisk float64
	if s.OnDisk {
		onDisk = 1
	}
	o.one(f.spoolEvents, float64(s.Events))
	o.one(f.spoolBytes, float64(s.Bytes))
	o.one(f.spoolAge, age.Seconds())
	o.one(f.spoolOnDisk, onDisk)
	o.one(f.damaged, float64(s.Damaged))
}

func (o output) bulk(f *families, b *events.BulkMetrics) {
	for _, answered := range b.Requests {
		o.one(f.requests, float64(answered.Count), answered.Status)
	}
	o.one(f.requestBytes, float64(b.Bytes))
	o.one(f.retries, float64(b.Retries))
	o.one(f.rejected, float64(b.Rejected))
	o.one(f.duplicates, float64(b.Duplicates))
	o.one(f.unkept, float64(b.DeadLetterFailures))
	o.one(f.success, seconds(b.LastSuccess))
	var count uint64
	upTo := map[float64]uint64{}
	for i, n := range b.Latency.Counts {
		if count += n; i < len(b.Latency.Bounds) {
			upTo[b.Latency.Bounds[i].Seconds()] = count
		}
	}
	o <- prometheus.MustNewConstHistogram(f.latency, count, b.Latency.Sum.Seconds(), upTo)
}
