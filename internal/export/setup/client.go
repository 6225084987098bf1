// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"net/http"

	"sensor/internal/export/engine"
)

// Client sends requests to the engine, as [engine.Client] does.
type Client interface {
	Do(ctx context.Context, method, path string, header http.Header, body []byte) (*engine.Response, error)
}

// A rights names what a user of the engine has to be allowed to.
type rights struct{ elasticsearch, openSearch string }

var needed = map[Kind]rights{
	KindPhases:    {"the cluster privilege manage_ilm", ""},
	KindStates:    {"", "the cluster permission cluster:admin/opendistro/ism/*"},
	KindPipeline:  {"the cluster privilege manage_ingest_pipelines", "the cluster permission cluster:admin/ingest/pipeline/*"},
	KindComponent: {"the cluster privilege manage_index_templates", "the cluster permission cluster:admin/component_template/*"},
	KindTemplate:  {"the cluster privilege manage_index_templates", "the cluster permission indices:admin/index_template/*"},
}

// A session is a client with the engine that it is for.
type session struct {
	client Client
	target Target
}

// ask sends one request about a kind of resource, with a body unless it is nil. A status that is neither success nor 404
// is an [*engine.AnswerError].
func (s session) ask(ctx context.Context, kind Kind, what, method, path string, body []byte) (*engine.Response, error) {
	var header http.Header
	if body != nil {
		header = http.Header{"Content-Type": {"application/json"}}
	}
	response, err := s.client.Do(ctx, method, path, header, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if response.Status >= 300 && response.Status != http.StatusNotFound {
		return nil, s.refused(kind, what, response)
	}
	return response, nil
}

// refused is what to say of an answer that is none of those that were expected: an [*engine.AnswerError], with the right that
// may be missing.
func (s session) refused(kind Kind, what string, response *engine.Response) error {
	err := fmt.Errorf("%s: %w", what, engine.NewAnswerError(response))
	right := needed[kind].elasticsearch
	if s.target.Product == engine.OpenSearch {
		right = needed[kind].openSearch
	}
	if response.Status == http.StatusForbidden && right != "" {
		return fmt.Errorf("%w (needs %s)", err, right)
	}
	return err
}
