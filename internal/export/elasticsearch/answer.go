// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

// redact takes what is secret out of the engine's words.
func (i *item) redact(redact func(string) string) {
	if e := i.Error; e != nil {
		e.Type, e.Reason, e.CausedBy.Reason = redact(e.Type), redact(e.Reason), redact(e.CausedBy.Reason)
	}
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

// parseItems reads the outcomes, in the order of the request. Each of the wanted number has a status. Whoever answers with
// more is not listened to any longer, nor is anybody once ctx has ended.
func parseItems(ctx context.Context, body []byte, wanted int) ([]item, error) {
	// What a document has in it may come back in a reason, also what is no UTF-8.
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	items := make([]item, 0, wanted)
	if !begins(d, '{') {
		return nil, errNoBulkAnswer
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, errNoBulkAnswer // the cause would show what stands there, and that may be anything
		}
		if name.String() == "items" {
			items, err = appendItems(ctx, items, d, wanted)
		} else if err = d.SkipValue(); err != nil {
			err = errNoBulkAnswer
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, errNoBulkAnswer
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errNoBulkAnswer
	}
	if len(items) != wanted {
		return nil, fmt.Errorf("%w: %d of %d", errCount, len(items), wanted)
	}
	return items, nil
}

func appendItems(ctx context.Context, items []item, d *jsontext.Decoder, wanted int) ([]item, error) {
	if !begins(d, '[') {
		return nil, errNoBulkAnswer
	}
	for d.PeekKind() != ']' {
		var next struct {
			Create item `json:"create"`
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case len(items) == wanted:
			return nil, fmt.Errorf("%w: more than %d", errCount, wanted)
		case json.UnmarshalDecode(d, &next) != nil:
			return nil, errNoBulkAnswer
		case next.Create.Status < 100 || next.Create.Status > 599:
			return nil, fmt.Errorf("%w: document %d has no outcome", errNoBulkAnswer, len(items))
		}
		items = append(items, next.Create)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, errNoBulkAnswer
	}
	return items, nil
}

// begins reports whether the next token is the given bracket.
func begins(d *jsontext.Decoder, bracket jsontext.Kind) bool {
	token, err := d.ReadToken()
	return err == nil && token.Kind() == bracket
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

// mostAnswer bounds what is read of the answer to a request: an outcome for each document, with what the engine quotes of
// the document, twice.
func mostAnswer(documents, bytes int) int64 { return int64(64<<10 + 4<<10*documents + 2*bytes) }

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
