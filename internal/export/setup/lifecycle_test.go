// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor/internal/export/enginetest"
)

// What Elasticsearch's index lifecycle management takes, by phase, from its reference; the phases in their order.
var ilmActions = []struct {
	phase   string
	actions []string
}{
	{"hot", []string{"set_priority", "unfollow", "rollover", "readonly", "downsample", "shrink", "forcemerge", "searchable_snapshot"}},
	{"warm", []string{"set_priority", "unfollow", "readonly", "downsample", "allocate", "migrate", "shrink", "forcemerge"}},
	{"cold", []string{"set_priority", "unfollow", "readonly", "downsample", "searchable_snapshot", "allocate", "migrate"}},
	{"frozen", []string{"unfollow", "searchable_snapshot"}},
	{"delete", []string{"wait_for_snapshot", "delete"}},
}

// checkILM finds what ILM would refuse in a policy, or what makes no sense to it.
func checkILM(body []byte) error {
	var sent struct {
		Policy struct {
			Phases json.RawMessage `json:"phases"`
		} `json:"policy"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return err
	}
	var phases map[string]struct {
		MinAge  string `json:"min_age"`
		Actions map[string]object
	}
	if err := json.Unmarshal(sent.Policy.Phases, &phases); err != nil {
		return err
	}
	var last time.Duration
	at := -1
	for _, known := range ilmActions {
		phase, ok := phases[known.phase]
		if !ok {
			continue
		}
		delete(phases, known.phase)
		place := strings.Index(string(sent.Policy.Phases), `"`+known.phase+`"`)
		if place < at {
			return fmt.Errorf("%s stands before the phase that it follows", known.phase)
		}
		at = place
		age, err := parseAge(phase.MinAge)
		if err != nil {
			return err
		}
		if age < last {
			return fmt.Errorf("%s begins after %v, before the phase that it follows (%v)", known.phase, age, last)
		}
		last = age
		if len(phase.Actions) == 0 {
			return fmt.Errorf("%s does nothing", known.phase)
		}
		for action, options := range phase.Actions {
			if !slices.Contains(known.actions, action) {
				return fmt.Errorf("%s: no action %s there", known.phase, action)
			}
			if action == "rollover" && len(options) == 0 {
				return fmt.Errorf("rollover has no condition")
			}
		}
	}
	for phase := range phases {
		return fmt.Errorf("no phase %s", phase)
	}
	return nil
}

func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		age, err := time.ParseDuration(days + "h")
		return 24 * age, err
	}
	return time.ParseDuration(text)
}

// What OpenSearch's index state management knows, of that which is of use here.
var ismActions = []string{"rollover", "index_priority", "read_only", "force_merge", "replica_count", "snapshot", "allocation", "delete"}

// checkISM finds what ISM would refuse in a policy, and states that no index comes to.
func checkISM(policy *ismPolicy) error {
	p := policy.Policy
	if len(p.States) == 0 || p.States[0].Name != p.DefaultState {
		return fmt.Errorf("the first state is not %q", p.DefaultState)
	}
	var last time.Duration
	for i, state := range p.States {
		for _, action := range state.Actions {
			if len(action) != 1 {
				return fmt.Errorf("%s: an action has %d names", state.Name, len(action))
			}
			for name := range action {
				if !slices.Contains(ismActions, name) || (name == "rollover") && i > 0 || (name == "delete") != (state.Name == "delete") {
					return fmt.Errorf("%s: no action %s there", state.Name, name)
				}
			}
		}
		if i == len(p.States)-1 {
			if len(state.Transitions) > 0 {
				return fmt.Errorf("%s leads on", state.Name)
			}
			continue
		}
		if len(state.Transitions) != 1 || state.Transitions[0].State != p.States[i+1].Name || len(state.Transitions[0].Conditions) != 1 {
			return fmt.Errorf("%s does not lead to %s by one condition", state.Name, p.States[i+1].Name)
		}
		age, err := parseAge(fmt.Sprint(state.Transitions[0].Conditions["min_rollover_age"]))
		if err != nil {
			return err
		}
		if age <= last {
			return fmt.Errorf("%s is left after %v, which has gone by", state.Name, age)
		}
		last = age
	}
	return nil
}

// defaultLifecycle is the one of the sensor's configuration.
func defaultLifecycle() Lifecycle {
	return Lifecycle{
		By:           ByPhases,
		RolloverSize: 50 << 30, RolloverAge: 7 * day,
		Warm: 7 * day, Cold: 30 * day, Frozen: 60 * day, Delete: 90 * day,
	}
}

// lifecycles are those with and without each phase and with and without a repository.
func lifecycles() (list []Lifecycle) {
	for without := range 1 << 5 {
		l := defaultLifecycle()
		for i, age := range []*time.Duration{&l.Warm, &l.Cold, &l.Frozen, &l.Delete} {
			if without>>i&1 != 0 {
				*age = 0
			}
		}
		if without>>4&1 != 0 {
			l.Repository = "backup"
		}
		list = append(list, l)
	}
	return list
}

func TestPolicies(t *testing.T) {
	for _, l := range lifecycles() {
		if err := l.check(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
		ilm, err := format(phases(l))
		if err == nil {
			err = checkILM(ilm)
		}
		if err != nil {
			t.Errorf("%+v: %v in\n%s", l, err, ilm)
		}
		if frozen := strings.Contains(string(ilm), `"frozen"`); frozen != (l.Frozen != 0 && l.Repository != "") {
			t.Errorf("%+v: frozen is %t", l, frozen)
		}
		ism := states(names{"logs-sensor"}, l)
		if err := checkISM(ism); err != nil {
			t.Errorf("%+v: %v in\n%+v", l, err, ism)
		}
	}
}

// TestPoliciesBeforeElasticsearch asks Elasticsearch's own programs about the smallest policy and the largest.
func TestPoliciesBeforeElasticsearch(t *testing.T) {
	smallest, largest := defaultLifecycle(), defaultLifecycle()
	smallest.Warm, smallest.Cold, smallest.Frozen, smallest.Delete = 0, 0, 0, 0
	largest.Repository = "backup"
	for _, l := range []Lifecycle{smallest, largest} {
		body, err := format(phases(l))
		if err == nil {
			err = enginetest.CheckLifecycle(t, body)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, body)
		}
	}
}

// TestChecksOfPolicies: the checks above find what they are for.
func TestChecksOfPolicies(t *testing.T) {
	for name, phases := range map[string]string{
		"an action that is not allowed": `{"frozen":{"min_age":"1d","actions":{"forcemerge":{}}}}`,
		"ages that fall":                `{"hot":{"min_age":"0ms","actions":{"rollover":{"max_age":"1d"}}},"warm":{"min_age":"2d","actions":{"readonly":{}}},"delete":{"min_age":"1d","actions":{"delete":{}}}}`,
		"another order":                 `{"delete":{"min_age":"1d","actions":{"delete":{}}},"hot":{"min_age":"0ms","actions":{"rollover":{"max_age":"1d"}}}}`,
		"another phase":                 `{"tepid":{"min_age":"1d","actions":{"delete":{}}}}`,
		"nothing to do":                 `{"hot":{"min_age":"0ms","actions":{}}}`,
		"a rollover that never comes":   `{"hot":{"min_age":"0ms","actions":{"rollover":{}}}}`,
	} {
		if err := checkILM([]byte(`{"policy":{"phases":` + phases + `}}`)); err == nil {
			t.Errorf("%s is not found", name)
		}
	}
	for name, change := range map[string]func(*ismPolicy){
		"an unknown action":      func(p *ismPolicy) { p.Policy.States[1].Actions[0] = object{"freeze": object{}} },
		"a rollover in the cold": func(p *ismPolicy) { p.Policy.States[2].Actions[0] = object{"rollover": object{}} },
		"a state left out":       func(p *ismPolicy) { p.Policy.States = slices.Delete(p.Policy.States, 1, 2) },
		"ages that fall":         func(p *ismPolicy) { p.Policy.States[2].Transitions[0].Conditions["min_rollover_age"] = "1d" },
	} {
		p := states(names{"logs-sensor"}, defaultLifecycle())
		change(p)
		if err := checkISM(p); err == nil {
			t.Errorf("%s is not found", name)
		}
	}
}

func TestLifecycleFaults(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Lifecycle)
		want   string // of the error; "": there is none
	}{
		"the default":                      {func(*Lifecycle) {}, ""},
		"no phase but hot":                 {func(l *Lifecycle) { l.Warm, l.Cold, l.Frozen, l.Delete = 0, 0, 0, 0 }, ""},
		"frozen before cold, unused":       {func(l *Lifecycle) { l.Frozen = time.Hour }, ""},
		"frozen before cold":               {func(l *Lifecycle) { l.Frozen, l.Repository = time.Hour, "r" }, "frozen after 1h: want more than cold, which is 30d"},
		"delete before warm, none between": {func(l *Lifecycle) { l.Cold, l.Frozen, l.Delete = 0, 0, day }, "delete after 1d: want more than warm, which is 7d"},
		"delete with cold":                 {func(l *Lifecycle) { l.Delete = l.Cold }, "delete after 30d: want more than cold, which is 30d"},
		"negative":                         {func(l *Lifecycle) { l.Warm = -day }, "warm -24h0m0s: want whole seconds, or 0"},
		"a fraction":                       {func(l *Lifecycle) { l.RolloverAge = 1500 * time.Millisecond }, "rollover age 1.5s: want whole seconds, or 0"},
		"no rollover":                      {func(l *Lifecycle) { l.RolloverAge, l.RolloverSize = 0, 0 }, "rollover: want a size or an age, or no phase ever begins"},
		"no rollover by data streams":      {func(l *Lifecycle) { l.RolloverAge, l.RolloverSize, l.By = 0, 0, ByDataStream }, ""},
		"a rollover size":                  {func(l *Lifecycle) { l.RolloverSize = 1000 }, "rollover size 1000: want whole MiB"},
		"any order by data streams":        {func(l *Lifecycle) { l.Cold, l.By = time.Hour, ByDataStream }, ""},
		"another lifecycle":                {func(l *Lifecycle) { l.By = "ilm" }, `lifecycle "ilm": want phases, data_stream or none`},
		"a repository's name":              {func(l *Lifecycle) { l.Repository = "a b" }, `repository "a b": no name of a repository`},
	} {
		t.Run(name, func(t *testing.T) {
			l := defaultLifecycle()
			test.change(&l)
			_, err := Plan(target(t, "elasticsearch-9.1.0"), Options{DatasetPrefix: "sensor", Lifecycle: l})
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestNoRolloverByDataStream: where a policy stands in for data streams, it has their rollover if none is asked for.
func TestNoRolloverByDataStream(t *testing.T) {
	p := plan(t, target(t, "opensearch-3.1.0"), func(o *Options) {
		o.Lifecycle = Lifecycle{By: ByDataStream, Delete: day}
	})
	if text := string(p.Resources[0].JSON()); !strings.Contains(text, `"rollover": {"min_primary_shard_size": "50gb"}`) {
		t.Errorf("the policy is\n%s", text)
	}
}

func TestPrefixFaults(t *testing.T) {
	for _, prefix := range []string{"", "Sensor", "a-b", "a*", "a/b", "a b"} {
		if _, err := Plan(target(t, "elasticsearch-9.1.0"), Options{DatasetPrefix: prefix, Lifecycle: defaultLifecycle()}); err == nil {
			t.Errorf("%q is taken", prefix)
		}
	}
}

func TestUnits(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Second: "90s", 2 * time.Minute: "2m", 36 * time.Hour: "36h", 48 * time.Hour: "2d",
	} {
		if got := ageText(age); got != want {
			t.Errorf("%v is %s, want %s", age, got, want)
		}
	}
	for size, want := range map[int64]string{1 << 20: "1mb", 50 << 30: "50gb", 1536 << 20: "1536mb"} {
		if got := sizeText(size); got != want {
			t.Errorf("%d is %s, want %s", size, got, want)
		}
	}
}
