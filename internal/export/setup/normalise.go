// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// A standard is what engines put into resources by themselves.
type standard struct {
	path  string // members with dots between; "*" is any member or element
	value any    // as JSON reads it; nil: whatever it is
}

// standards are left out of both sides before these are compared.
var standards = map[Kind][]standard{
	KindPhases: {
		{"policy.phases.delete.actions.delete.delete_searchable_snapshot", true},
		{"policy.phases.warm.actions.shrink.allow_write_after_shrink", false},
		{"policy.phases.frozen.actions.searchable_snapshot.force_merge_index", true},
		{"policy.deprecated", false},
	},
	KindStates: {
		{"policy.policy_id", nil},
		{"policy.last_updated_time", nil},
		{"policy.schema_version", nil},
		{"policy.error_notification", nil},
		{"policy.user", nil},
		{"policy.ism_template.*.last_updated_time", nil},
		{"policy.states.*.actions.*.retry", map[string]any{"count": 3.0, "backoff": "exponential", "delay": "1m"}},
		{"policy.states.*.actions.*.rollover.copy_alias", false},
		{"policy.states.*.actions.*.rollover.prevent_empty_rollover", false},
	},
	KindPipeline:  dates,
	KindComponent: append(dates, standard{"template.lifecycle.enabled", true}),
	KindTemplate: append(dates,
		standard{"data_stream.timestamp_field", map[string]any{"name": "@timestamp"}},
		standard{"data_stream.hidden", false},
		standard{"data_stream.allow_custom_routing", false},
	),
}

var dates = []standard{
	{"created_date", nil}, {"created_date_millis", nil},
	{"modified_date", nil}, {"modified_date_millis", nil},
}

// normalise gives the body of a resource the form in which ours and that of the engine are the same if they mean the same.
func normalise(kind Kind, body any) (object, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	for _, s := range standards[kind] {
		remove(o, strings.Split(s.path, "."), s.value)
	}
	if template, ok := o["template"].(object); ok {
		if settings, ok := template["settings"].(object); ok {
			flat := object{}
			flatten(flat, "", settings)
			template["settings"] = flat
		}
	}
	return o, nil
}

// remove takes members away that have the value, or whatever they have if it is nil.
func remove(v any, path []string, value any) {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			if path[0] != "*" && path[0] != name {
				continue
			}
			if len(path) > 1 {
				remove(member, path[1:], value)
			} else if value == nil || reflect.DeepEqual(member, value) {
				delete(v, name)
			}
		}
	case []any:
		if path[0] == "*" && len(path) > 1 {
			for _, element := range v {
				remove(element, path[1:], value)
			}
		}
	}
}

// flatten writes settings as engines do: a path each, and every value as text.
func flatten(flat object, path string, v any) {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			flatten(flat, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		flat[path] = v
	default:
		flat[path] = fmt.Sprint(v)
	}
}
