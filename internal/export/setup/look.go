// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"sensor/internal/export/engine"
)

// Look asks an engine what it has of what its version could have. It changes nothing.
func Look(ctx context.Context, client Client, info engine.Info) (Target, error) {
	t, err := NewTarget(info)
	if err != nil || t.Serverless {
		return t, err
	}
	s := session{client, t}
	if t.Product == engine.OpenSearch {
		t.Policies, err = s.takes(ctx, KindStates, "look for policies", http.MethodGet, "/_plugins/_ism/policies?size=1", nil)
	} else {
		t.Policies, err = s.takes(ctx, KindPhases, "look for policies", http.MethodGet, "/_ilm/status", nil)
	}
	if err != nil {
		return t, err
	}
	if t.Wildcard, err = s.hasType(ctx, "wildcard"); err != nil {
		return t, err
	}
	t.MatchOnlyText, err = s.hasType(ctx, "match_only_text")
	return t, err
}

// hasType tells whether fields can have the type.
func (s session) hasType(ctx context.Context, name string) (bool, error) {
	body, err := json.Marshal(object{
		"index_patterns": []string{"sensor-setup-probe"},
		"template":       object{"mappings": object{"properties": object{"a": object{"type": name}}}},
	})
	if err != nil {
		return false, err
	}
	return s.takes(ctx, KindTemplate, "look for fields of type "+name, http.MethodPost, "/_index_template/_simulate", body)
}

// takes tells whether the engine takes a request: one that lacks what it takes for that refuses it as wrong.
func (s session) takes(ctx context.Context, kind Kind, what, method, path string, body []byte) (bool, error) {
	_, err := s.ask(ctx, kind, what, method, path, body)
	if e := (*engine.AnswerError)(nil); errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusMethodNotAllowed) {
		return false, nil
	}
	return err == nil, err
}
