// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

// TestRights runs setup with keys that lack one right each: the error names it. With all of them it works.
func TestRights(t *testing.T) {
	running := enginetest.Start(t, enginetest.Elasticsearch)
	e := newTestEngine(t, running.URL)
	all := []string{"manage_index_templates", "manage_ingest_pipelines", "monitor"}
	t.Run("all", func(t *testing.T) {
		if err := e.setupWith(t, running.URL, all); err != nil {
			t.Error(err)
		}
	})
	for _, lacking := range all[:2] {
		t.Run("without "+lacking, func(t *testing.T) {
			err := e.setupWith(t, running.URL, slices.DeleteFunc(slices.Clone(all), func(right string) bool { return right == lacking }))
			var refused *engine.AnswerError
			if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || !strings.HasSuffix(err.Error(), " (needs the cluster privilege "+lacking+")") {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// setupWith runs setup with a key that has the cluster privileges.
func (e *testEngine) setupWith(t *testing.T, url string, privileges []string) error {
	t.Helper()
	key := e.ask(t, http.MethodPost, "/_security/api_key", object{"name": t.Name(), "role_descriptors": object{"setup": object{
		"cluster": privileges,
		"indices": []object{{"names": []string{"logs-*"}, "privileges": []string{"view_index_metadata"}}},
	}}})
	client, err := engine.New(engine.Options{Hosts: []string{url}, APIKey: key["encoded"].(string)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	target, err := Look(t.Context(), client, e.target.Info)
	if err != nil {
		return err
	}
	c, err := Compare(t.Context(), client, plan(t, target, func(o *Options) { o.DatasetPrefix = e.prefix }))
	if err != nil {
		return err
	}
	return c.Apply(t.Context(), client, io.Discard, false)
}
