// SPDX-License-Identifier: Apache-2.0

package setup

import "time"

// A policy of OpenSearch's index state management. The states are in the order in which an index goes through them.
type ismPolicy struct {
	Policy struct {
		Description  string        `json:"description"`
		DefaultState string        `json:"default_state"`
		States       []ismState    `json:"states"`
		Template     []ismTemplate `json:"ism_template"`
	} `json:"policy"`
}

type ismState struct {
	Name        string          `json:"name"`
	Actions     []object        `json:"actions"`
	Transitions []ismTransition `json:"transitions"`
}

type ismTransition struct {
	State      string `json:"state_name"`
	Conditions object `json:"conditions"`
}

// An ismTemplate attaches the policy to indices when they are made.
type ismTemplate struct {
	Patterns []string `json:"index_patterns"`
	Priority int      `json:"priority"`
}

// states is the policy for OpenSearch: the same phases as those of Elasticsearch but for the frozen one, in whose place
// a snapshot is made. Ages count from the rollover.
func states(n names, l Lifecycle) *ismPolicy {
	p := &ismPolicy{}
	policy := &p.Policy
	policy.Description = described("keeps the data as long as they are wanted")
	policy.DefaultState = "hot"
	enter := func(name string, after time.Duration, actions ...object) {
		if last := len(policy.States) - 1; last >= 0 {
			policy.States[last].Transitions = []ismTransition{{name, object{"min_rollover_age": ageText(after)}}}
		}
		policy.States = append(policy.States, ismState{name, actions, []ismTransition{}})
	}
	enter("hot", 0,
		object{"index_priority": object{"priority": 100}},
		object{"rollover": rollover(l, "min_primary_shard_size", "min_index_age")}, // waits until it is time
	)
	if l.Warm != 0 {
		enter("warm", l.Warm,
			object{"index_priority": object{"priority": 50}},
			object{"read_only": object{}},
			object{"force_merge": object{"max_num_segments": 1}},
		)
	}
	if l.Cold != 0 {
		actions := []object{{"index_priority": object{"priority": 0}}, {"read_only": object{}}}
		if l.Repository != "" {
			actions = append(actions, object{"snapshot": object{"repository": l.Repository, "snapshot": "{{ctx.index}}"}})
		}
		enter("cold", l.Cold, actions...)
	}
	if l.Delete != 0 {
		enter("delete", l.Delete, object{"delete": object{}})
	}
	var patterns []string
	for _, category := range categories() {
		patterns = append(patterns, n.pattern(category))
	}
	policy.Template = []ismTemplate{{patterns, priority}}
	return p
}
