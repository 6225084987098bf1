// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// AnswerError is an answer that is not the wanted one.
type AnswerError struct {
	Host         string
	Status       int
	Type, Reason string // the engine's own words, causes included; "" if whoever answered has none
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
	var top cause
	if json.Unmarshal(body.Error, &top) == nil {
		e.Type, e.Reason = cut(response.Redact(top.Type)), cut(response.Redact(top.reasons()))
		return e
	}
	var text string // as OpenSearch and proxies have it
	if json.Unmarshal(body.Error, &text) == nil {
		e.Reason = cut(response.Redact(text))
	}
	return e
}

// A cause is what an engine says went wrong, above what that came from.
type cause struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Cause  *cause `json:"caused_by"`
}

// reasons of all causes, from the top to the bottom. One below the top without a reason is named by its type.
func (c *cause) reasons() string {
	var reasons []string
	for next := c; next != nil; next = next.Cause {
		reason := next.Reason
		if reason == "" && next != c {
			reason = next.Type
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, ": ")
}

// cut bounds what whoever answers can have us log: one line of whole characters.
func cut(text string) string {
	const most = 512 // bytes
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
