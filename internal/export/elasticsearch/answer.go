// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sensor/internal/export/engine"
)

// An item is the outcome of one document.
type item struct {
	Status int `json:"status"`
	Error  *struct {
		Type     string `json:"type"`
		Reason   string `json:"reason"`
		CausedBy struct {
			Reason string `json:"reason"`
		} `json:"caused_by"`
	} `json:"error"`
}

// kind of error in the engine's words.
func (i *item) errorType() string {
	if i.Error == nil {
		return ""
	}
	return i.Error.Type
}

func (i *item) reason() string {
	switch {
	case i.Error == nil:
		return ""
	case i.Error.CausedBy.Reason == "":
		return i.Error.Reason
	}
	return i.Error.Reason + ": " + i.Error.CausedBy.Reason
}

var (
	errNoBulkAnswer = errors.New("the answer is not that of a bulk endpoint")
	errCount        = errors.New("the answer has another number of documents than the request")
)

// parseItems reads the outcomes, in the order of the request. Each of the wanted number has a status.
func parseItems(body []byte, wanted int) ([]item, error) {
	var answer struct {
		Items []struct {
			Create item `json:"create"`
		} `json:"items"`
	}
	// What a document has in it may come back in a reason, also what is no UTF-8.
	if err := json.Unmarshal(body, &answer, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, errNoBulkAnswer // the cause would show what stands there, and that may be anything
	}
	if len(answer.Items) != wanted {
		return nil, fmt.Errorf("%w: %d of %d", errCount, len(answer.Items), wanted)
	}
	items := make([]item, wanted)
	for i := range answer.Items {
		if items[i] = answer.Items[i].Create; items[i].Status < 100 || items[i].Status > 599 {
			return nil, fmt.Errorf("%w: document %d has no outcome", errNoBulkAnswer, i)
		}
	}
	return items, nil
}

// A verdict is what becomes of a document.
type verdict uint8

const (
	verdictDelivered verdict = iota
	verdictDuplicate         // the engine has it already: an earlier answer did not reach us
	verdictRetry
	verdictRejected
)

// judge says what an item's status means.
func judge(status int) verdict {
	switch {
	case status >= 200 && status < 300:
		return verdictDelivered
	case status == http.StatusConflict:
		return verdictDuplicate
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusRequestTimeout,
		status == http.StatusTooManyRequests, status >= 500, status < 200:
		return verdictRetry
	}
	return verdictRejected
}

// retryAfterMost bounds for how long an engine can have us wait.
const retryAfterMost = 5 * time.Minute

// retryAfter is how long the answer asks us to wait, 0 if it does not.
func retryAfter(response *engine.Response, now time.Time) time.Duration {
	value := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, retryAfterMost)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), retryAfterMost)
	}
	return 0
}
