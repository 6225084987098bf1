// SPDX-License-Identifier: Apache-2.0

package setup

import "fmt"

// A panel of the dashboard: an aggregation, as a table or over time.
type panel struct {
	id, title, description string
	query                  string // in KQL, and in words that Lucene reads alike
	metrics                []metric
	by                     []string // fields whose most frequent values are told apart, each within the one before
	fewest                 bool     // those with the least of the last metric first
	chart                  string   // "histogram" or "line": over time; "": a table
	area                   area
}

type metric struct{ function, field, label string }

// area is where a panel lies, on a grid that is 48 wide.
type area struct{ x, y, w, h int }

var count = metric{"count", "", "events"}

var panels = []panel{
	{
		id: "sensor-over-time", title: "Events over time", query: "event.kind:event", metrics: []metric{count},
		by: []string{"data_stream.dataset"}, chart: "histogram", area: area{0, 0, 24, 12},
	},
	{
		id: "sensor-hosts", title: "Hosts", query: "event.kind:event", metrics: []metric{count, {"max", "@timestamp", "last event"}},
		by: []string{"host.name", "event.category"}, area: area{24, 0, 24, 12},
	},
	{
		id: "sensor-programs", title: "What runs", query: "event.action:exec AND event.outcome:success",
		metrics: []metric{count, {"cardinality", "host.name", "hosts"}}, by: []string{"process.executable"}, area: area{0, 12, 24, 15},
	},
	{
		id: "sensor-rare-programs", title: "What runs on few hosts", query: "event.action:exec AND event.outcome:success",
		metrics: []metric{count, {"cardinality", "host.name", "hosts"}}, by: []string{"process.executable", "process.parent.executable"},
		fewest: true, area: area{24, 12, 24, 15},
	},
	{
		id: "sensor-destinations", title: "Where to connections go", query: "event.action:connection_attempted",
		metrics: []metric{count, {"cardinality", "host.name", "hosts"}}, by: []string{"destination.ip", "destination.port", "event.outcome"},
		area: area{0, 27, 24, 15},
	},
	{
		id: "sensor-connecting", title: "What connects", query: "event.category:network",
		metrics: []metric{count, {"cardinality", "destination.ip", "destinations"}}, by: []string{"process.executable", "event.action", "host.name"},
		area: area{24, 27, 24, 15},
	},
	{
		id: "sensor-files", title: "What is written", query: "event.category:file",
		metrics: []metric{count, {"cardinality", "host.name", "hosts"}}, by: []string{"file.path", "event.action"}, area: area{0, 42, 24, 15},
	},
	{
		id: "sensor-writing", title: "What writes", query: "event.category:file",
		metrics: []metric{count, {"sum", "file.Ext.write.bytes", "bytes written"}}, by: []string{"process.executable", "host.name"},
		area: area{24, 42, 24, 15},
	},
	{
		id: "sensor-lost", title: "Events lost", query: "event.action:events_lost", description: "Where these were lost, detections were blind.",
		metrics: []metric{{"sum", "sensor.loss.count", "lost"}}, by: []string{"sensor.loss.stage", "sensor.loss.kind", "host.name"},
		area: area{0, 57, 24, 12},
	},
	{
		id: "sensor-lost-over-time", title: "Events lost over time, by stage", query: "event.action:events_lost",
		metrics: []metric{{"sum", "sensor.loss.count", "lost"}}, by: []string{"sensor.loss.stage"}, chart: "histogram", area: area{24, 57, 24, 12},
	},
	{
		id: "sensor-not-served", title: "Kinds that no source serves", query: "event.action:serving AND sensor.not_served:*",
		metrics: []metric{{"cardinality", "host.name", "hosts"}, {"max", "@timestamp", "last told"}}, by: []string{"sensor.not_served", "host.name"},
		area: area{0, 69, 16, 12},
	},
	{
		id: "sensor-memory", title: "Memory of the sensor, by host", query: "event.action:metrics",
		metrics: []metric{{"max", "sensor.metrics.process.memory.resident", "bytes"}}, by: []string{"host.name"}, chart: "line", area: area{16, 69, 16, 12},
	},
	{
		id: "sensor-spool", title: "Bytes in the spool, by host", query: "event.action:metrics",
		metrics: []metric{{"max", "sensor.metrics.spool.bytes", "bytes"}}, by: []string{"host.name"}, chart: "line", area: area{32, 69, 16, 12},
	},
}

// What the sensors tell in single events, below the panels.
var (
	toldArea    = area{0, 81, 48, 15}
	toldColumns = []string{
		"host.name", "event.action", "sensor.loss.stage", "sensor.loss.kind", "sensor.loss.count", "sensor.not_served", "error.message",
	}
)

// state is what the panel shows, as the dashboards' programs keep it.
func (p panel) state(title string) object {
	var aggregations []object
	add := func(function, schema string, params object) string {
		id := fmt.Sprint(len(aggregations) + 1)
		aggregations = append(aggregations, object{"id": id, "enabled": true, "type": function, "schema": schema, "params": params})
		return id
	}
	order := object{"order": "desc", "orderBy": "1"}
	for _, m := range p.metrics {
		params := object{"customLabel": m.label}
		if m.field != "" {
			params["field"] = m.field
		}
		id := add(m.function, "metric", params)
		if p.fewest {
			order = object{"order": "asc", "orderBy": id}
		}
	}
	schema, params := "bucket", tableParams()
	if p.chart != "" {
		add("date_histogram", "segment", object{"field": "@timestamp", "interval": "auto", "min_doc_count": 1, "drop_partials": false, "extended_bounds": object{}})
		schema, params = "group", chartParams(p)
	}
	for _, field := range p.by {
		add("terms", schema, object{
			"field": field, "size": 20, "order": order["order"], "orderBy": order["orderBy"],
			"otherBucket": false, "otherBucketLabel": "Other", "missingBucket": false, "missingBucketLabel": "Missing",
		})
	}
	kind := p.chart
	if kind == "" {
		kind = "table"
	}
	return object{"title": title, "type": kind, "aggs": aggregations, "params": params}
}

func tableParams() object {
	return object{
		"perPage": 10, "showPartialRows": true, "showMetricsAtAllLevels": false, "showTotal": false, "totalFunc": "sum", "percentageCol": "",
		"sort": object{"columnIndex": nil, "direction": nil},
	}
}

func chartParams(p panel) object {
	mode := "stacked"
	if p.chart == "line" {
		mode = "normal"
	}
	label := p.metrics[0].label
	return object{
		"type": p.chart, "addTooltip": true, "addLegend": true, "legendPosition": "right", "addTimeMarker": false, "times": []any{},
		"grid":   object{"categoryLines": false},
		"labels": object{"show": false},
		"categoryAxes": []object{{
			"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": true, "style": object{},
			"scale": object{"type": "linear"}, "labels": object{"show": true, "filter": true, "truncate": 100}, "title": object{},
		}},
		"valueAxes": []object{{
			"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": true, "style": object{},
			"scale": object{"type": "linear", "mode": "normal"}, "labels": object{"show": true, "rotate": 0, "filter": false, "truncate": 100},
			"title": object{"text": label},
		}},
		"seriesParams": []object{{
			"show": true, "type": p.chart, "mode": mode, "data": object{"id": "1", "label": label}, "valueAxis": "ValueAxis-1",
			"drawLinesBetweenPoints": true, "lineWidth": 2, "showCircles": true, "interpolate": "linear",
		}},
		"thresholdLine": object{"show": false, "value": 10, "width": 1, "style": "full", "color": "#E7664C"},
	}
}
