// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// templates are the index templates of others that go before ours, or that an integration has made under the same name.
type templates []struct {
	Name string
	Body struct {
		Patterns []string `json:"index_patterns"`
		Priority int64
		Meta     struct {
			Package struct{ Name string }
		} `json:"_meta"`
	} `json:"index_template"`
}

func (s session) otherTemplates(ctx context.Context, p *Planned) (templates, error) {
	response, err := s.ask(ctx, KindTemplate, "read index templates", http.MethodGet, "/_index_template", nil)
	if err != nil || response.Status == http.StatusNotFound {
		return nil, err
	}
	var a struct {
		Templates templates `json:"index_templates"`
	}
	if err := json.Unmarshal(response.Body, &a); err != nil {
		return nil, fmt.Errorf("read index templates: %w", err)
	}
	for i, other := range slices.Backward(a.Templates) {
		inPlace := slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.Kind == KindTemplate && r.Name == other.Name })
		if other.Body.Priority < priority || inPlace && other.Body.Meta.Package.Name == "" {
			a.Templates = slices.Delete(a.Templates, i, i+1)
		}
	}
	return a.Templates, nil
}

// serving says which template makes the data stream instead of ours, or keeps the engine from taking ours; "" if none does.
func (list templates) serving(ours Resource, stream string) string {
	for _, other := range list {
		by := ""
		if name := other.Body.Meta.Package.Name; name != "" {
			by = " of the integration " + name
		}
		for _, pattern := range other.Body.Patterns {
			if overlap(pattern, stream) {
				return fmt.Sprintf("index template %s%s has priority %d and makes these data streams", other.Name, by, other.Body.Priority)
			}
			// Engines take no two templates of the same priority that could make the same data stream.
			if other.Body.Priority == priority && overlap(pattern, ours.Name+"-*") {
				return fmt.Sprintf("index template %s%s has priority %d, too, and makes such data streams of other namespaces", other.Name, by, other.Body.Priority)
			}
		}
	}
	return ""
}

// overlap tells whether there are names that both patterns match. In a pattern, * is any text, and all else is itself.
func overlap(a, b string) bool {
	switch {
	case a != "" && a[0] == '*':
		return overlap(a[1:], b) || b != "" && overlap(a, b[1:])
	case b != "" && b[0] == '*':
		return overlap(b, a)
	case a == "" || b == "":
		return a == b
	}
	return a[0] == b[0] && overlap(a[1:], b[1:])
}
