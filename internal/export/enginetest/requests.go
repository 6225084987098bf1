// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

const requestLimit = 2 * time.Minute

// request sends JSON, or with a path that ends in _bulk NDJSON; a nil body is none.
func (e *Engine) request(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", e.Name, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", e.Name, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read answer of %s: %w", e.Name, err)
	}
	return response.StatusCode, answer, nil
}

// Do sends a request with a body of JSON or NDJSON, "" for none, and returns what the engine answers.
func (e *Engine) Do(t testing.TB, method, path, body string) (status int, answer []byte) {
	t.Helper()
	var b []byte
	if body != "" {
		b = []byte(body)
	}
	status, answer, err := e.request(t.Context(), method, path, b)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// JSON sends a request, which is to succeed, and decodes the answer into v unless that is nil. Numbers in an any are json.Number.
func (e *Engine) JSON(t testing.TB, method, path, body string, v any) {
	t.Helper()
	status, answer := e.Do(t, method, path, body)
	if status < 200 || status > 299 {
		t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	if v == nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
}

// Refresh lets searches of an index, data stream or pattern see all that was written to it.
func (e *Engine) Refresh(t testing.TB, index string) {
	t.Helper()
	e.JSON(t, http.MethodPost, "/"+url.PathEscape(index)+"/_refresh", "", nil)
}

// Count refreshes and returns how many documents of an index, data stream or pattern fit a query in JSON, "" for all.
func (e *Engine) Count(t testing.TB, index, query string) int {
	t.Helper()
	e.Refresh(t, index)
	var answer struct{ Count int }
	body := ""
	if query != "" {
		body = `{"query":` + query + `}`
	}
	e.JSON(t, http.MethodPost, "/"+url.PathEscape(index)+"/_count", body, &answer)
	return answer.Count
}

// Document is one that a search has found.
type Document struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// Search refreshes and returns every document of an index, data stream or pattern that fits a query in JSON, "" for all, in no
// order.
func (e *Engine) Search(t testing.TB, index, query string) []Document {
	t.Helper()
	e.Refresh(t, index)
	if query == "" {
		query = `{"match_all":{}}`
	}
	var page struct {
		Scroll string `json:"_scroll_id"`
		Hits   struct{ Hits []Document }
	}
	e.JSON(t, http.MethodPost, "/"+url.PathEscape(index)+"/_search?scroll=1m", `{"size":5000,"sort":["_doc"],"query":`+query+`}`, &page)
	var all []Document
	for len(page.Hits.Hits) > 0 {
		all = append(all, page.Hits.Hits...)
		scroll := page.Scroll
		page.Hits.Hits = nil
		body, err := json.Marshal(map[string]string{"scroll": "1m", "scroll_id": scroll})
		if err != nil {
			t.Fatal(err)
		}
		e.JSON(t, http.MethodPost, "/_search/scroll", string(body), &page)
	}
	body, err := json.Marshal(map[string]string{"scroll_id": page.Scroll})
	if err != nil {
		t.Fatal(err)
	}
	e.JSON(t, http.MethodDelete, "/_search/scroll", string(body), nil)
	return all
}
