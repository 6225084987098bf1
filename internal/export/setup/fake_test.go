// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sensor/internal/export/engine"
)

// A fakeEngine keeps what is installed and gives it back as an engine does: with what that adds by itself. The real ones of
// the other tests have no policies.
type fakeEngine struct {
	installed map[string]object // by path
	streams   []string
	answers   map[string]engine.Response // by method and path, instead of the usual one
	written   []string                   // paths with query
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{installed: map[string]object{}, answers: map[string]engine.Response{}}
}

func (e *fakeEngine) Do(_ context.Context, method, path string, _ http.Header, body []byte) (*engine.Response, error) {
	if answer, ok := e.answers[method+" "+path]; ok {
		return &answer, nil
	}
	at, query, _ := strings.Cut(path, "?")
	switch {
	case method == http.MethodPut:
		if err := e.put(at, query, body); err != nil {
			return nil, err
		}
		e.written = append(e.written, path)
		return answer(http.StatusOK, object{"acknowledged": true}), nil
	case at == "/_index_template":
		list := []object{}
		for path, body := range e.installed {
			if name, ok := strings.CutPrefix(path, "/_index_template/"); ok {
				list = append(list, object{"name": name, "index_template": body})
			}
		}
		return answer(http.StatusOK, object{"index_templates": list}), nil
	case strings.HasPrefix(at, "/_resolve/"):
		list := []object{}
		for _, name := range e.streams {
			list = append(list, object{"name": name})
		}
		return answer(http.StatusOK, object{"data_streams": list}), nil
	case e.installed[at] == nil:
		return answer(http.StatusNotFound, object{"error": object{"reason": "it is missing"}, "status": 404}), nil
	}
	return answer(http.StatusOK, e.wrapped(at)), nil
}

// put keeps a resource. A policy of OpenSearch that is there is replaced only by who knows it.
func (e *fakeEngine) put(path, query string, body []byte) error {
	var sent object
	if err := json.Unmarshal(body, &sent); err != nil {
		return err
	}
	if strings.HasPrefix(path, "/_plugins/") && (e.installed[path] != nil) != (query == "if_seq_no=7&if_primary_term=2") {
		return fmt.Errorf("version conflict for %s with %q", path, query)
	}
	e.installed[path] = sent
	return nil
}

// wrapped is the answer of an engine to who asks for a resource.
func (e *fakeEngine) wrapped(path string) object {
	kind, name := path[:strings.LastIndex(path, "/")+1], path[strings.LastIndex(path, "/")+1:]
	body := clone(e.installed[path])
	switch kind {
	case "/_component_template/":
		body["created_date_millis"] = 1
		return object{"component_templates": []object{{"name": name, "component_template": body}}}
	case "/_index_template/":
		if body["data_stream"] != nil {
			body["data_stream"] = object{"hidden": false, "allow_custom_routing": false}
		}
		return object{"index_templates": []object{{"name": name, "index_template": body}}}
	case "/_ilm/policy/":
		for _, phase := range body["policy"].(object)["phases"].(object) {
			actions := phase.(object)["actions"].(object)
			if shrink, ok := actions["shrink"].(object); ok {
				shrink["allow_write_after_shrink"] = false
			}
			if snapshot, ok := actions["searchable_snapshot"].(object); ok {
				snapshot["force_merge_index"] = true
			}
			if deletion, ok := actions["delete"].(object); ok {
				deletion["delete_searchable_snapshot"] = true
			}
		}
		return object{name: object{"version": 1, "modified_date": "2026-11-23T17:00:05Z", "policy": body["policy"], "in_use_by": object{}}}
	case "/_plugins/_ism/policies/":
		policy := body["policy"].(object)
		policy["policy_id"], policy["schema_version"], policy["last_updated_time"], policy["error_notification"] = name, 21, 1795453205000, nil
		for _, state := range policy["states"].([]any) {
			for _, action := range state.(object)["actions"].([]any) {
				action.(object)["retry"] = object{"count": 3, "backoff": "exponential", "delay": "1m"}
				if rollover, ok := action.(object)["rollover"].(object); ok {
					rollover["copy_alias"] = false
				}
			}
		}
		for _, template := range policy["ism_template"].([]any) {
			template.(object)["last_updated_time"] = 1795453205000
		}
		return object{"_id": name, "_version": 3, "_seq_no": 7, "_primary_term": 2, "policy": policy}
	}
	return object{name: body}
}

func answer(status int, body object) *engine.Response {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &engine.Response{Status: status, Body: text}
}

func clone(o object) (copied object) {
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, &copied)
	}
	if err != nil {
		panic(err)
	}
	return copied
}

// compared compares a plan, which has to succeed.
func compared(t *testing.T, client Client, p *Planned) *Comparison {
	t.Helper()
	c, err := Compare(t.Context(), client, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// statesOf gives the states that the resources of a comparison have, without repetitions, sorted.
func statesOf(c *Comparison) (found []State) {
	for _, f := range c.Findings {
		found = append(found, f.State)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
