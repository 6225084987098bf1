// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"fmt"
)

// Ids of the saved objects. They stay, so that an import replaces what an earlier one has brought.
const (
	dashboardID = "sensor-overview"
	viewID      = "sensor-events"
	searchID    = "sensor-told"
)

// formats are the versions of the saved objects' forms: the last ones that Kibana and OpenSearch Dashboards have in
// common. Kibana 8 and later bring them up to date when they are imported.
var formats = map[string]string{"index-pattern": "7.6.0", "search": "7.9.3", "visualization": "7.10.0", "dashboard": "7.9.3"}

// A savedObject is a line of the file.
type savedObject struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	Attributes object            `json:"attributes"`
	References []reference       `json:"references"`
	Format     map[string]string `json:"migrationVersion"`
}

type reference struct {
	Name string `json:"name"`
	Type string `json:"type"`
	ID   string `json:"id"`
}

func saved(kind, id string, attributes object, references ...reference) savedObject {
	return savedObject{id, kind, attributes, append([]reference{}, references...), map[string]string{kind: formats[kind]}}
}

// Dashboards is a file of saved objects that Kibana (8 and later) and OpenSearch Dashboards (2 and later) import: a data view of the
// prefix's data streams, what is to be seen of them, and a dashboard with all that.
func Dashboards(datasetPrefix string) []byte {
	objects := []savedObject{
		saved("index-pattern", viewID, object{"title": names{"logs-" + datasetPrefix}.prefix + ".*", "timeFieldName": "@timestamp"}),
		saved("search", searchID, object{
			"title":                 "[sensor] What the sensors say of themselves",
			"columns":               toldColumns,
			"sort":                  [][]string{{"@timestamp", "desc"}},
			"kibanaSavedObjectMeta": object{"searchSourceJSON": source("event.action:(events_lost OR serving)")},
		}, ofView()),
	}
	var grid []object
	var references []reference
	show := func(kind, id, title string, at area) {
		index := fmt.Sprint(len(grid) + 1)
		name := "panel_" + index
		grid = append(grid, object{
			"panelIndex": index, "version": formats["dashboard"], "panelRefName": name, "title": title, "embeddableConfig": object{},
			"gridData": object{"i": index, "x": at.x, "y": at.y, "w": at.w, "h": at.h},
		})
		references = append(references, reference{name, kind, id})
	}
	for _, p := range panels {
		title := "[sensor] " + p.title
		objects = append(objects, saved("visualization", p.id, object{
			"title": title, "description": p.description, "visState": text(p.state(title)), "uiStateJSON": "{}", "version": 1,
			"kibanaSavedObjectMeta": object{"searchSourceJSON": source(p.query)},
		}, ofView()))
		show("visualization", p.id, p.title, p.area)
	}
	show("search", searchID, "What the sensors say of themselves", toldArea)
	objects = append(objects, saved("dashboard", dashboardID, object{
		"title":       "[sensor] Overview",
		"description": "What runs, connects and writes, by host; which events were lost; how the sensors are. Made by sensor setup.",
		"panelsJSON":  text(grid), "optionsJSON": text(object{"useMargins": true, "hidePanelTitles": false}), "version": 1, "timeRestore": false,
		"kibanaSavedObjectMeta": object{"searchSourceJSON": text(object{"query": query("agent.type:sensor"), "filter": []any{}})},
	}, references...))
	var b bytes.Buffer
	for _, o := range objects {
		b.WriteString(text(o))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// viewReference is the name of the reference that a source's indexRefName leads to.
const viewReference = "kibanaSavedObjectMeta.searchSourceJSON.index"

func ofView() reference { return reference{viewReference, "index-pattern", viewID} }

func source(q string) string {
	return text(object{"query": query(q), "filter": []any{}, "indexRefName": viewReference})
}

func query(q string) object { return object{"query": q, "language": "kuery"} }

// text is JSON within JSON.
func text(v any) string {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		panic(err) // our own tables
	}
	return b.String()
}
