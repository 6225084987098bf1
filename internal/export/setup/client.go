// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"sensor/internal/export/engine"
)

// Client sends requests to the engine, as [engine.Client] does.
type Client interface {
	Do(ctx context.Context, method, path string, header http.Header, body []byte) (*engine.Response, error)
}

// Error is an answer of the engine that is none of those that were expected.
type Error struct {
	What   string // what was to be done: "install index template logs-sensor.process"
	Status int    // of HTTP
	Reason string // in the engine's words
	Needs  string // the right that is missing; "" if it is none, or unknown
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: the engine answers %d: %s", e.What, e.Status, e.Reason)
	if e.Needs != "" {
		text += " (needs " + e.Needs + ")"
	}
	return text
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
// is an [*Error].
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

func (s session) refused(kind Kind, what string, response *engine.Response) *Error {
	e := &Error{What: what, Status: response.Status, Reason: reason(response.Body)}
	if response.Status == http.StatusForbidden {
		e.Needs = needed[kind].elasticsearch
		if s.target.Product == engine.OpenSearch {
			e.Needs = needed[kind].openSearch
		}
	}
	return e
}

// reason is what an answer says went wrong, with the cause at the bottom of it.
func reason(answer []byte) string {
	type cause struct {
		Type, Reason string
		Cause        json.RawMessage `json:"caused_by"`
	}
	var a struct{ Error json.RawMessage }
	if json.Unmarshal(answer, &a) != nil || len(a.Error) == 0 {
		return short(string(answer))
	}
	var text string
	if json.Unmarshal(a.Error, &text) == nil {
		return short(text)
	}
	var parts []string
	for next := a.Error; len(next) > 0 && len(parts) < 8; {
		var c cause
		if json.Unmarshal(next, &c) != nil {
			break
		}
		if c.Reason == "" {
			c.Reason = c.Type
		}
		parts = append(parts, short(c.Reason))
		next = c.Cause
	}
	return strings.Join(parts, ": ")
}

// short is a text of somebody else's in one line that can be read.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "..."
	}
	return text
}
