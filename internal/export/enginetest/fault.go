// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Fault answers a request instead of the engine, or does not answer.
type Fault func(x *Exchange)

// Hang never answers. It returns when the client gives up.
func Hang() Fault {
	return func(x *Exchange) {
		x.proxy.wait(x.Request.Context(), time.Hour)
		x.Cut(Reply{}, 0)
	}
}

// Reset ends the connection before the engine has the request.
func Reset() Fault { return func(x *Exchange) { x.Cut(Reply{}, 0) } }

// LoseAnswer ends the connection when the engine has taken the request.
func LoseAnswer() Fault {
	return func(x *Exchange) {
		x.Forward()
		x.Cut(Reply{}, 0)
	}
}

// CutAnswer ends the connection in the middle of the engine's answer, so when the engine has taken the request.
func CutAnswer() Fault {
	return func(x *Exchange) {
		reply := x.Forward()
		x.Cut(reply, len(reply.Body)/2)
	}
}

// Slow passes on at once what is asked, and late what is answered.
func Slow(d time.Duration) Fault {
	return func(x *Exchange) {
		reply := x.Forward()
		x.proxy.wait(x.Request.Context(), d)
		x.Answer(reply.Status, reply.Header, reply.Body)
	}
}

// Status answers as an engine that refuses the request.
func Status(status int) Fault {
	return func(x *Exchange) { x.Answer(status, nil, errorBody(status)) }
}

// RetryAfter is Status with the header Retry-After: seconds, or a date.
func RetryAfter(status int, value string) Fault {
	return func(x *Exchange) { x.Answer(status, http.Header{"Retry-After": {value}}, errorBody(status)) }
}

// TooLarge answers 413 to a body of more bytes, as they are without compression, and lets others pass.
func TooLarge(limit int) Fault {
	return func(x *Exchange) {
		body, err := plain(x.Request.Header.Get("Content-Encoding"), x.Body)
		if err != nil || len(body) > limit {
			x.Answer(http.StatusRequestEntityTooLarge, nil, nil)
			return
		}
		x.Pass()
	}
}

// Garbage answers 200 with something that no engine says.
func Garbage() Fault {
	return func(x *Exchange) {
		x.Answer(http.StatusOK, http.Header{"Content-Type": {"text/html"}}, []byte("<html><body>It works!</body></html>"))
	}
}

// Reject answers with a status for some documents of a bulk request; the others reach the engine.
func Reject(status int, which func(n int, a Action) bool) Fault {
	return func(x *Exchange) {
		actions := x.Actions()
		items := make([]json.RawMessage, len(actions))
		var forwarded []byte
		var at []int // in the request, of those forwarded
		for n, a := range actions {
			if which(n, a) {
				items[n] = rejected(a, status)
				continue
			}
			forwarded = append(forwarded, a.lines...)
			at = append(at, n)
		}
		if len(at) > 0 {
			header := x.Request.Header.Clone()
			header.Del("Content-Encoding")
			header.Del("Content-Length")
			header.Del("Accept-Encoding")
			reply := x.forward(header, forwarded)
			var answer struct{ Items []json.RawMessage }
			if err := json.Unmarshal(reply.Body, &answer); err != nil || len(answer.Items) != len(at) {
				x.Answer(reply.Status, reply.Header, reply.Body)
				return
			}
			for i, n := range at {
				items[n] = answer.Items[i]
			}
		}
		body, err := json.Marshal(map[string]any{"took": 1, "errors": true, "items": items})
		if err != nil {
			panic(err) // raw JSON that was JSON a moment ago
		}
		x.Answer(http.StatusOK, nil, body)
	}
}

// RejectEverySecond rejects half of a bulk request, beginning with its first document.
func RejectEverySecond(status int) Fault {
	return Reject(status, func(n int, _ Action) bool { return n%2 == 0 })
}

func rejected(a Action, status int) json.RawMessage {
	type object = map[string]any
	item, err := json.Marshal(object{a.Op: object{"_index": a.Index, "_id": a.ID, "status": status, "error": object{
		"type": errorType(status), "reason": "the test says so",
	}}})
	if err != nil {
		panic(err) // strings and numbers
	}
	return item
}

func errorType(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "document_parsing_exception"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "security_exception"
	case http.StatusTooManyRequests:
		return "es_rejected_execution_exception"
	case http.StatusServiceUnavailable:
		return "unavailable_shards_exception"
	}
	return "exception"
}

func errorBody(status int) []byte {
	return fmt.Appendf(nil, `{"error":{"type":%q,"reason":"the test says so"},"status":%d}`, errorType(status), status)
}

// APIKey is the value of the header Authorization for an API key, as id:key.
func APIKey(idAndKey string) string {
	return "ApiKey " + base64.StdEncoding.EncodeToString([]byte(idAndKey))
}

// Basic is the value of the header Authorization for a user and password.
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
