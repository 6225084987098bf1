// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// AnswerError is an answer that is not the wanted one.
type AnswerError struct {
	Host         string
	Status       int
	Type, Reason string // the engine's own words; "" if whoever answered has none
}

func (e *AnswerError) Error() string {
	text := fmt.Sprintf("ask %s: it answers %d %s", e.Host, e.Status, http.StatusText(e.Status))
	if e.Type != "" {
		text += ": " + e.Type
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// NewAnswerError makes an error of a response. Of a body that is not the engine's nothing is shown.
func NewAnswerError(response *Response) *AnswerError {
	e := &AnswerError{Host: response.Host, Status: response.Status}
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(response.Body, &body) != nil {
		return e
	}
	var fault struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body.Error, &fault) == nil {
		e.Type, e.Reason = cut(fault.Type), cut(fault.Reason)
		return e
	}
	var text string // as OpenSearch and proxies have it
	if json.Unmarshal(body.Error, &text) == nil {
		e.Reason = cut(text)
	}
	return e
}

// cut bounds what whoever answers can have us log.
func cut(text string) string {
	const most = 512
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
