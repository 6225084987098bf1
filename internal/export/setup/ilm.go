// SPDX-License-Identifier: Apache-2.0

package setup

// A policy of Elasticsearch's index lifecycle management. The phases are in the order in which an index goes through them.
type ilmPolicy struct {
	Policy struct {
		Meta   object `json:"_meta"`
		Phases struct {
			Hot    *ilmPhase `json:"hot"`
			Warm   *ilmPhase `json:"warm,omitempty"`
			Cold   *ilmPhase `json:"cold,omitempty"`
			Frozen *ilmPhase `json:"frozen,omitempty"`
			Delete *ilmPhase `json:"delete,omitempty"`
		} `json:"phases"`
	} `json:"policy"`
}

type ilmPhase struct {
	MinAge  string `json:"min_age"`
	Actions object `json:"actions"`
}

// phases is the policy for Elasticsearch. That an index moves to the nodes of its phase goes without saying there.
func phases(l Lifecycle) *ilmPolicy {
	p := &ilmPolicy{}
	p.Policy.Meta = meta()
	to := &p.Policy.Phases
	to.Hot = &ilmPhase{"0ms", object{"rollover": rollover(l, "max_primary_shard_size", "max_age"), "set_priority": object{"priority": 100}}}
	if l.Warm != 0 {
		to.Warm = &ilmPhase{ageText(l.Warm), object{
			"set_priority": object{"priority": 50},
			"readonly":     object{},
			"shrink":       object{"number_of_shards": 1}, // passed over where there is one
			"forcemerge":   object{"max_num_segments": 1},
		}}
	}
	if l.Cold != 0 {
		to.Cold = &ilmPhase{ageText(l.Cold), object{"set_priority": object{"priority": 0}, "readonly": object{}}}
	}
	if l.Frozen != 0 && l.Repository != "" {
		to.Frozen = &ilmPhase{ageText(l.Frozen), object{"searchable_snapshot": object{"snapshot_repository": l.Repository}}}
	}
	if l.Delete != 0 {
		to.Delete = &ilmPhase{ageText(l.Delete), object{"delete": object{}}}
	}
	return p
}

// rollover gives an index up when it has the size or the age, by the names that the engine has for these.
func rollover(l Lifecycle, size, age string) object {
	conditions := object{}
	if l.RolloverSize != 0 {
		conditions[size] = sizeText(l.RolloverSize)
	}
	if l.RolloverAge != 0 {
		conditions[age] = ageText(l.RolloverAge)
	}
	return conditions
}
