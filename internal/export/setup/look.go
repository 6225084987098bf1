// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
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
	t.Wildcard, err = s.takes(ctx, KindTemplate, "look for wildcard fields", http.MethodPost, "/_index_template/_simulate",
		[]byte(`{"index_patterns":["sensor-setup-probe"],"template":{"mappings":{"properties":{"a":{"type":"wildcard"}}}}}`))
	return t, err
}

// takes tells whether the engine takes a request: one that lacks what it takes for that refuses it as wrong.
func (s session) takes(ctx context.Context, kind Kind, what, method, path string, body []byte) (bool, error) {
	_, err := s.ask(ctx, kind, what, method, path, body)
	if e := (*Error)(nil); errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return false, nil
	}
	return err == nil, err
}
