// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// State of a resource in the engine.
type State string

// The states.
const (
	Missing State = "missing"
	Same    State = "unchanged"
	Differs State = "differs"
	Newer   State = "newer"   // a newer sensor has installed it
	Foreign State = "foreign" // somebody else has made it
	Served  State = "served"  // an index template of somebody else's makes these data streams, or the engine takes none beside it
)

// Finding is a resource with what the engine has in its place.
type Finding struct {
	Resource
	State State
	Diff  string // how the installed one differs, as a unified diff; of those that are neither missing nor the same
	Why   string // of Newer, Foreign and Served: what was found

	revision string // query with which a policy of OpenSearch is replaced
}

// Comparison is what is planned beside what is installed.
type Comparison struct {
	Planned  *Planned
	Findings []Finding // for each resource, in its order
}

// Compare reads what is installed. It changes nothing.
func Compare(ctx context.Context, client Client, p *Planned) (*Comparison, error) {
	c := &Comparison{Planned: p}
	s := session{client, p.Target}
	others, err := s.otherTemplates(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, r := range p.Resources {
		f, err := s.find(ctx, r)
		if err != nil {
			return nil, err
		}
		if r.Kind == KindTemplate {
			if why := others.serving(r, p.Options.stream(r)); why != "" {
				f.State, f.Why = Served, why
			}
		}
		c.Findings = append(c.Findings, f)
	}
	return c, nil
}

// find compares one resource.
func (s session) find(ctx context.Context, r Resource) (Finding, error) {
	f := Finding{Resource: r, State: Missing}
	response, err := s.ask(ctx, r.Kind, fmt.Sprintf("read %s %s", r.Kind, r.Name), http.MethodGet, r.Path(), nil)
	if err != nil || response.Status == http.StatusNotFound {
		return f, err
	}
	installed, revision, err := unwrap(r, response.Body)
	if err != nil {
		return f, fmt.Errorf("read %s %s: %w", r.Kind, r.Name, err)
	}
	f.revision = revision
	if r.Once {
		f.State = Same
		return f, nil
	}
	before, err := normalise(r.Kind, installed)
	if err != nil {
		return f, fmt.Errorf("read %s %s: %w", r.Kind, r.Name, err)
	}
	after, err := normalise(r.Kind, r.Body)
	if err != nil {
		return f, err
	}
	if f.Diff, err = diff(before, after); err != nil {
		return f, err
	}
	version, ours := marked(before)
	switch {
	case !ours:
		f.State, f.Why = Foreign, "somebody else has made it"
	case version > Version:
		f.State, f.Why = Newer, fmt.Sprintf("a newer sensor has installed it (version %d, this one has %d)", version, Version)
	case f.Diff == "":
		f.State = Same
	default:
		f.State = Differs
	}
	return f, nil
}

func diff(before, after object) (string, error) {
	was, err := format(before)
	if err != nil {
		return "", err
	}
	is, err := format(after)
	if err != nil {
		return "", err
	}
	return difference(lines(was), lines(is)), nil
}

func lines(text []byte) []string { return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") }

// unwrap takes a resource out of the answer to the question for it, in the form in which it is installed.
func unwrap(r Resource, answer []byte) (installed object, revision string, err error) {
	var a struct {
		Components []struct {
			Body object `json:"component_template"`
		} `json:"component_templates"`
		Templates []struct {
			Body object `json:"index_template"`
		} `json:"index_templates"`
		Policy   object `json:"policy"`
		Sequence int64  `json:"_seq_no"`
		Term     int64  `json:"_primary_term"`
	}
	var byName map[string]object
	switch r.Kind {
	case KindComponent, KindTemplate, KindStates:
		err = json.Unmarshal(answer, &a)
	default:
		err = json.Unmarshal(answer, &byName)
	}
	if err != nil {
		return nil, "", err
	}
	switch {
	case r.Kind == KindComponent && len(a.Components) == 1:
		return a.Components[0].Body, "", nil
	case r.Kind == KindTemplate && len(a.Templates) == 1:
		return a.Templates[0].Body, "", nil
	case r.Kind == KindStates && a.Policy != nil:
		return object{"policy": a.Policy}, fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", a.Sequence, a.Term), nil
	case r.Kind == KindPhases && byName[r.Name] != nil:
		return object{"policy": byName[r.Name]["policy"]}, "", nil
	case r.Kind == KindPipeline && byName[r.Name] != nil:
		return byName[r.Name], "", nil
	}
	return nil, "", errors.New("the answer has none")
}

// marked tells whether a resource says that it is ours, and of which version.
func marked(body object) (version int, ours bool) {
	if policy, ok := body["policy"].(object); ok {
		body = policy
	}
	if meta, ok := body["_meta"].(object); ok {
		number, _ := meta["version"].(float64)
		return int(number), meta["managed_by"] == owner
	}
	text, _ := body["description"].(string)
	_, err := fmt.Sscanf(text, describedAs, &version)
	return version, err == nil
}
