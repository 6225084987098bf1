// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"

	"sensor/internal/export/engine"
)

// ingested says when the engine took the document.
const ingested = "event.ingested"

// meta marks a resource as ours.
func meta() object { return object{"managed_by": owner, "version": Version} }

// describedAs begins the description of those that have no _meta in every engine.
const describedAs = "Managed by sensor setup, version %d: "

func described(text string) string { return fmt.Sprintf(describedAs, Version) + text }

// pipeline adds what the sensor cannot know. It never fails a document.
func pipeline(t Target) object {
	set := object{"field": ingested, "copy_from": "_ingest.timestamp", "ignore_failure": true}
	if t.Product == engine.OpenSearch { // which copies nothing
		delete(set, "copy_from")
		set["value"] = "{{{_ingest.timestamp}}}"
	}
	return object{
		"description": described("adds " + ingested),
		"version":     Version,
		"processors":  []object{{"set": set}},
	}
}

// settings of all indices.
//
// The pipeline is the final one, so that users can have a default one of their own. With logsdb the source stays as the
// sensor sent it: a synthetic one has no nanoseconds.
func (p *Planned) settings(n names) object {
	index := object{"final_pipeline": n.ingested(), "mapping": object{"total_fields": object{"limit": fieldLimit}}}
	template := object{"settings": object{"index": index}}
	if p.Target.LogsDB {
		index["mode"] = "logsdb"
		index["mapping"].(object)["source"] = object{"mode": "stored"}
	} else {
		index["codec"] = "best_compression"
	}
	switch {
	case p.byPolicy() && p.Target.Product == engine.Elasticsearch: // OpenSearch's policies say themselves what they are for
		index["lifecycle"] = object{"name": n.lifecycle()}
	case p.byRetention():
		template["lifecycle"] = retention(p.Options.Lifecycle)
	}
	return template
}

// fieldLimit is how many fields an index may have: those of the mapping, and those that metric events may bring, of
// which there is one for each kind and stage. A test counts them.
const fieldLimit = 2000

func component(template object) object {
	return object{"template": template, "version": Version, "_meta": meta()}
}

// template makes data streams of what is sent to them.
func template(n names, category string) object {
	return object{
		"index_patterns": []string{n.pattern(category)},
		"data_stream":    object{},
		"priority":       priority,
		"composed_of":    []string{n.mappings(), n.settings(), n.custom()}, // the last goes first
		"version":        Version,
		"_meta":          meta(),
	}
}
