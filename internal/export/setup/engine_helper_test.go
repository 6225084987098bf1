// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sensor/internal/export/engine"
	"sensor/internal/export/enginetest"
)

// onEngines runs a test on each real engine.
func onEngines(t *testing.T, run func(t *testing.T, e *testEngine)) {
	t.Helper()
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) { run(t, newTestEngine(t, e.URL)) })
}

// A testEngine is a real one. What a test installs there has the test's own prefix.
type testEngine struct {
	*engine.Client
	target Target
	prefix string
}

func newTestEngine(t *testing.T, url string) *testEngine {
	t.Helper()
	client, err := engine.New(engine.Options{Hosts: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	info, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := Look(t.Context(), client, info)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	return &testEngine{client, target, strings.ToLower(strings.TrimPrefix(name, "Test")) + strconv.FormatInt(time.Now().UnixNano(), 36)}
}

func (e *testEngine) plan(t *testing.T, change func(*Options)) *Planned {
	t.Helper()
	return plan(t, e.target, func(o *Options) {
		o.DatasetPrefix = e.prefix
		if change != nil {
			change(o)
		}
	})
}

// apply installs the plan and gives what is said.
func (e *testEngine) apply(t *testing.T, p *Planned, force bool) string {
	t.Helper()
	return applied(t, e, p, force)
}

func applied(t *testing.T, client Client, p *Planned, force bool) string {
	t.Helper()
	var said bytes.Buffer
	if err := compared(t, client, p).Apply(t.Context(), client, &said, force); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

// ask sends a request that has to succeed, and gives the answer. A body that is a string is sent as it is.
func (e *testEngine) ask(t *testing.T, method, path string, body any) object {
	t.Helper()
	text, isText := body.(string)
	sent := []byte(text)
	if !isText && body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	response, err := e.Do(t.Context(), method, path, http.Header{"Content-Type": {"application/json"}}, sent)
	if err != nil {
		t.Fatal(err)
	}
	if response.Status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, response.Status, response.Body)
	}
	var answer object
	if err := json.Unmarshal(response.Body, &answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, response.Body)
	}
	return answer
}

// installed gives a component template as the engine has it, without what only the engine may write there.
func (e *testEngine) installed(t *testing.T, path string) object {
	t.Helper()
	template := e.ask(t, http.MethodGet, path, nil)["component_templates"].([]any)[0].(object)["component_template"].(object)
	for _, s := range dates {
		delete(template, s.path)
	}
	return template
}
