// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"strings"

	"sensor/internal/export/engine"
)

// longest keyword that is indexed, in characters: the longest term is 32766 bytes, and a character takes up to four.
// So every path is whole (4096 bytes), and every argument but the longest. What is longer stays in the document and
// cannot be searched for.
const longest = 8191

// longestOpen is the same for fields of open objects, whose terms begin with the name of the field.
const longestOpen = 7800

// openObjects hold names that come from elsewhere: programs that write audit records choose them. Each is one field
// of the engine, however many names there are. The other "x.*" of the fields are sets that the sensor closes.
var openObjects = []string{"auditd.data", "auditd.paths", "sensor.raw"}

// mapping of all fields of all data streams. What a newer sensor adds is mapped by its own type, text as keyword.
func mapping(t Target) object {
	properties := object{}
	for _, f := range fields() {
		if strings.HasSuffix(f.name, "*") {
			continue // a keyword or a number: as dynamic mapping has it
		}
		put(properties, f.name, t.typed(f.typ))
	}
	for _, name := range openObjects {
		put(properties, name, t.open(name))
	}
	return object{
		"dynamic":        true,
		"date_detection": false,
		"dynamic_templates": []object{
			{"text_as_keyword": object{"match_mapping_type": "string", "mapping": t.typed("keyword")}},
		},
		"properties": properties,
	}
}

// put puts the mapping of a field where its path says.
func put(properties object, path string, mapping object) {
	first, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		properties[first] = mapping
		return
	}
	inner, ok := properties[first].(object)
	if !ok {
		inner = object{"properties": object{}}
		properties[first] = inner
	}
	put(inner["properties"].(object), rest, mapping)
}

// typed is the mapping of a type of docs/events.md.
//
// Dates are `date`, in milliseconds, and not `date_nanos`: the documents keep the nanoseconds as text, and
// event.sequence is the exact order. An engine cannot sort or correlate data streams of which some have one type and
// some the other, and everybody else's have `date`.
func (t Target) typed(typ string) object {
	switch typ {
	case "wildcard":
		m := object{"type": "wildcard"}
		switch {
		case !t.Wildcard:
			m = t.typed("keyword")
		case t.Product == engine.OpenSearch:
			m["doc_values"] = false // with which it refuses documents with long values
		}
		text := object{"type": "match_only_text"}
		if !t.MatchOnlyText {
			text = object{"type": "text", "norms": false}
		}
		m["fields"] = object{"text": text}
		return m
	case "keyword":
		return object{"type": "keyword", "ignore_above": longest}
	}
	return object{"type": typ}
}

// open is the mapping of an object whose names are not known.
//
// OpenSearch refuses documents with long values in such fields. Those of audit records are never so long; the raw bytes of
// arguments are, so they stand in the document alone.
func (t Target) open(name string) object {
	switch {
	case t.Product != engine.OpenSearch:
		return object{"type": "flattened", "ignore_above": longestOpen}
	case name == "sensor.raw":
		return object{"type": "object", "enabled": false}
	}
	return object{"type": "flat_object"}
}
