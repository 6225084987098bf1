// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sensor/internal/events"
)

// TestEngineAnswers reads answers as engines give them.
func TestEngineAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"Elasticsearch 8.14": `{"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[x]: version conflict"}}},` +
			`{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:10] failed to parse field [process.pid] of type [long] in document with id 'x'. Preview of field's value: 'abc'","caused_by":{"reason":"For input string: \"abc\""}}}}]}`,
		"OpenSearch 2.19, unfiltered": `{"took":3,"errors":true,"items":[{"create":{"_index":".ds-logs-a-000001","_id":"a","_version":1,"result":"created","_shards":{"total":2,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}},` +
			`{"create":{"_index":"x","_id":"b","status":409,"error":{"type":"version_conflict_engine_exception","reason":"r","index":"i","shard":"0","index_uuid":"u"}}},` +
			`{"create":{"_index":"x","_id":"c","status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"abc\""}}}}]}`,
		"invalid UTF-8":     "{\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":409}},{\"create\":{\"status\":400,\"error\":{\"type\":\"t\",\"reason\":\"\xff\",\"caused_by\":{\"reason\":\"For input string: \\\"abc\\\"\"}}}}]}",
		"names that repeat": `{"items":[{"create":{"status":201,"status":201}},{"create":{"status":409}},{"create":{"status":400,"error":{"reason":"r","caused_by":{"reason":"For input string: \"abc\""}}}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			items, err := parseItems(t.Context(), []byte(body), 3)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []verdict{verdictDelivered, verdictDuplicate, verdictRejected} {
				if got := judge(items[i].Status); got != want {
					t.Errorf("item %d: got %d, want %d", i, got, want)
				}
			}
			if !strings.HasSuffix(items[2].reason(), `: For input string: "abc"`) {
				t.Errorf("got %q", items[2].reason())
			}
		})
	}
}

// What comes behind the last outcome that can be is not read, and nothing once nobody waits.
func TestParseItemsStops(t *testing.T) {
	const item = `{"create":{"status":201}},`
	if _, err := parseItems(t.Context(), []byte(`{"items":[`+strings.Repeat(item, 11)+"garbage"), 10); !errors.Is(err, errCount) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := parseItems(ctx, []byte(`{"items":[`+item+"garbage"), 10); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// FuzzParseItems: what passes has as many outcomes as it should, each with a status that there is; what it says is what
// encoding/json finds there as well.
func FuzzParseItems(f *testing.F) {
	for _, body := range []string{
		`{"items":[{"create":{"status":201}},{"create":{"status":429,"error":{"type":"a","reason":"b"}}}]}`,
		`{"items":[{"create":{"status":201}}`, `{"items":[{"create":null},null]}`, `{"items":{}}`, `[]`, `null`, ``, `<html>`,
		`{"items":[{"create":{"status":2e2}},{"create":{"status":-1}}]}`, `{"items":[],"items":[{"create":{"status":200}},{"index":{"status":200}}]}`,
		`{"items":[{"create":{"status":400,"error":"text"}},{"create":{"status":99999999999999999999}}]}`,
	} {
		f.Add([]byte(body), 2)
	}
	f.Fuzz(func(t *testing.T, body []byte, wanted int) {
		wanted = max(1, min(wanted, 1000))
		items, err := parseItems(t.Context(), body, wanted)
		if err != nil {
			return
		}
		if len(items) != wanted {
			t.Fatalf("%d items", len(items))
		}
		for _, i := range items {
			if i.Status < 100 || i.Status > 599 || judge(i.Status) > verdictRejected {
				t.Errorf("status %d", i.Status)
			}
			if i.Error == nil && i.errorType()+i.reason() != "" {
				t.Error("an error that is none")
			}
		}
		if !json.Valid(body) {
			t.Errorf("passed though it is no JSON: %q", body)
		}
	})
}

func TestBody(t *testing.T) {
	s := &Sink{}
	s.options.Encode = func(b []byte, e *events.Event) []byte { return append(b, `{"a":1}`...) }
	for kind := range s.actions {
		s.actions[kind] = actionOf("logs-\"" + events.Kind(kind).String() + "\"")
	}
	e := &events.Event{Kind: events.KindExec, ID: events.IDOf([]byte("x"))}
	body := s.appendBody([]byte("before"), e)[len("before"):]
	const id = "LXEWQrcmsEQBYnyp-6wy9Q"
	want := "\x01" + `{"create":{"_index":"logs-\"exec\"","_id":"` + id + "\"}}\n{\"a\":1}\n"
	if string(body) != want {
		t.Errorf("got  %q\nwant %q", body, want)
	}
	if l := letterOf(body); l.index != `logs-"exec"` || l.id != id || string(l.document) != `{"a":1}` {
		t.Errorf("%+v", l)
	}
	e.Kind = events.KindCount
	if body := s.appendBody(nil, e); !bytes.Contains(body, []byte(`logs-\"unknown\"`)) {
		t.Errorf("got %q", body)
	}
}

// FuzzLetter: whatever lies in a spool can be taken apart.
func FuzzLetter(f *testing.F) {
	f.Add([]byte("\x01{\"create\":{\"_index\":\"a\",\"_id\":\"b\"}}\n{}\n"))
	f.Add([]byte("\x01\n"))
	f.Fuzz(func(_ *testing.T, body []byte) { letterOf(body) })
}
