// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sensor/internal/events"
)

// once answers the first n requests by the script.
func first(n int, script func(f *fakeEngine, r *request, w http.ResponseWriter) bool) func(*fakeEngine, *request, http.ResponseWriter) bool {
	return func(f *fakeEngine, r *request, w http.ResponseWriter) bool {
		return r.number < n && script(f, r, w)
	}
}

func with(status int, body string) func(*fakeEngine, *request, http.ResponseWriter) bool {
	return func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool { return answer(w, status, body) }
}

// TestAnswers: whatever the engine answers to the first requests, all ten events arrive, once, and the log tells of it once.
func TestAnswers(t *testing.T) {
	items := func(n int, item string) string {
		return `{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
	}
	const created = `{"create":{"status":201}}`
	security := `{"error":{"type":"security_exception","reason":"no such key"},"status":401}`
	for _, test := range []struct {
		name   string
		script func(*fakeEngine, *request, http.ResponseWriter) bool
		told   string // in the log
	}{
		{"429", with(429, `{"error":{"type":"circuit_breaking_exception","reason":"too large"},"status":429}`), "429 Too Many Requests: circuit_breaking_exception: too large"},
		{"503", with(503, "<html>no server is available</html>"), "503 Service Unavailable"},
		{"502", with(502, ""), "502 Bad Gateway"},
		{"504", with(504, ""), "504 Gateway Timeout"},
		{"500", with(500, `{"error":"oops"}`), "500 Internal Server Error: oops"},
		{"408", with(408, ""), "408 Request Timeout"},
		{"401", with(401, security), "401 Unauthorized: security_exception: no such key"},
		{"403", with(403, security), "403 Forbidden"},
		{"400", with(400, `{"error":{"type":"illegal_argument_exception","reason":"unrecognized parameter"}}`), "400 Bad Request: illegal_argument_exception"},
		{"404", with(404, `{"error":"no handler"}`), "404 Not Found: no handler"},
		{"405", with(405, ``), "405 Method Not Allowed"},
		{"redirect", with(302, ``), "302 Found"},
		{"201", with(201, items(10, created)), "201 Created"},
		{"hung up", func(_ *fakeEngine, _ *request, w http.ResponseWriter) bool { return hangUp(w) }, "it hung up"},
		{"empty", with(200, ""), errNoBulkAnswer.Error()},
		{"page of a proxy", with(200, "<html>log in first</html>"), errNoBulkAnswer.Error()},
		{"other JSON", with(200, `{"took":1,"errors":false}`), errCount.Error()},
		{"null", with(200, `null`), errNoBulkAnswer.Error()},
		{"array", with(200, `[]`), errNoBulkAnswer.Error()},
		{"cut", with(200, items(10, created)[:100]), errNoBulkAnswer.Error()},
		{"two answers", with(200, items(10, created)+items(10, created)), errNoBulkAnswer.Error()},
		{"fewer", with(200, items(9, created)), errCount.Error() + ": 9 of 10"},
		{"more", with(200, items(11, created)), errCount.Error() + ": more than 10"},
		{"no outcomes", with(200, items(10, `{"create":{}}`)), "document 0 has no outcome"},
		{"other actions", with(200, items(10, `{"index":{"status":201}}`)), "document 0 has no outcome"},
		{"status of a kind that there is not", with(200, items(10, `{"create":{"status":2010}}`)), "document 0 has no outcome"},
		{"stored and then hung up", func(f *fakeEngine, r *request, w http.ResponseWriter) bool {
			f.store(r, w)
			return hangUp(w)
		}, "it hung up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &fakeEngine{script: first(5, test.script)}, nil)
				w.write(events.KindExec, 10)
				w.close(time.Hour)
				if sizes := w.engine.sizes(); !slices.Equal(sizes, []int{10, 10, 10, 10, 10, 10}) {
					t.Errorf("sent %v documents", sizes)
				}
				if len(w.engine.stored) != 10 || w.ledger.Read().Delivered["exec"] != 10 {
					t.Errorf("stored %d; %s", len(w.engine.stored), w.ledger.Read())
				}
				if began, ended := w.log.Count("takes no events"), w.log.Count("takes events again"); began != 1 || ended != 1 || w.log.Count(test.told) != 1 {
					t.Errorf("the log told %d and %d times, and %d times of %q:\n%s", began, ended, w.log.Count(test.told), test.told, w.log)
				}
				stats := w.sink.Stats()
				if duplicate := test.name == "stored and then hung up"; (stats.Duplicate == 10) != duplicate {
					t.Errorf("%d duplicates", stats.Duplicate)
				}
				if time.Since(stats.LastSuccess) > time.Second || stats.Outage != nil || stats.Requests[200] == 0 {
					t.Errorf("%+v", stats)
				}
			})
		})
	}
}

// TestItems: what becomes of one document of ten, by the status that the engine gives it for three times.
func TestItems(t *testing.T) {
	const delivered, duplicate, retried, rejected = "delivered", "duplicate", "retried", "rejected"
	for status, want := range map[int]string{
		200: delivered, 201: delivered, 409: duplicate,
		401: retried, 403: retried, 408: retried, 429: retried, 500: retried, 502: retried, 503: retried, 504: retried,
		400: rejected, 404: rejected, 405: rejected, 406: rejected, 413: rejected, 422: rejected, 301: rejected,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeEngine{outcome: func(r *request, d document) int {
					if d.id == idOf(4) && r.number < 3 {
						return status
					}
					return 0
				}}
				w := newWorld(t, f, nil)
				w.write(events.KindFileWrite, 10)
				w.close(time.Hour)
				sizes, stats, balance := f.sizes(), w.sink.Stats(), w.ledger.Read()
				requests, retries, kept := []int{10}, uint64(0), uint64(10)
				switch want {
				case retried:
					requests, retries = []int{10, 1, 1, 1}, 3
				case rejected:
					kept = 9
				}
				if !slices.Equal(sizes, requests) || stats.Retried != retries {
					t.Errorf("sent %v documents, %d again; want %v", sizes, stats.Retried, requests)
				}
				if balance.Delivered["file_write"] != kept || stats.Rejected != 10-kept || balance.Dropped["rejected"]["file_write"] != 10-kept {
					t.Errorf("%+v; %s", stats, balance)
				}
				if (stats.Duplicate == 1) != (want == duplicate) {
					t.Errorf("%d duplicates", stats.Duplicate)
				}
				if denied := status == 401 || status == 403; (w.renewals.Load() == 3) != denied {
					t.Errorf("new credentials were looked for %d times", w.renewals.Load())
				}
				list := letters(t, w.dead)
				if len(list) != int(10-kept) || len(w.losses) != len(list) {
					t.Fatalf("letters %v, losses %v", list, w.losses)
				}
				if want != rejected {
					return
				}
				wanted := map[string]any{
					"time": list[0]["time"], "status": float64(status), "type": fmt.Sprintf("type_of_%d", status), "reason": "reason of " + idOf(4) + ": cause",
					"index": "logs-sensor.file-default", "id": idOf(4), "document": map[string]any{"event": map[string]any{"id": idOf(4), "action": "file_write"}},
				}
				if fmt.Sprint(list[0]) != fmt.Sprint(wanted) {
					t.Errorf("got  %v\nwant %v", list[0], wanted)
				}
				if loss := w.losses[0]; loss.Kind != events.KindFileWrite || loss.Stage != events.ReasonRejected || loss.Count != 1 || loss.First.IsZero() || loss.First != loss.Last {
					t.Errorf("%+v", loss)
				}
				if w.log.Count("refuses events for good") != 1 || w.log.Count("reason of") != 0 {
					t.Errorf("%s", w.log)
				}
			})
		})
	}
}

// A document that the engine never gets over is given up, so that others are not held up for ever.
func TestEngineFailsAtOneDocument(t *testing.T) {
	for status, gives := range map[int]bool{500: true, 502: true, 503: false, 429: false, 403: false} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeEngine{outcome: func(r *request, d document) int {
					if d.id == idOf(4) {
						return status
					}
					return 0
				}}
				w := newWorld(t, f, nil)
				w.write(events.KindExec, 10)
				time.Sleep(6 * time.Hour)
				w.close(time.Second)
				balance := w.ledger.Read()
				if gives && (len(f.requests) != mostErrors || balance.Dropped["rejected"]["exec"] != 1) {
					t.Errorf("%d requests; %s", len(f.requests), balance)
				}
				if !gives && (len(f.requests) < 500 || balance.Dropped["rejected"]["exec"] != 0) {
					t.Errorf("%d requests; %s", len(f.requests), balance)
				}
				if told := w.log.Count("does not take some events now"); told == 0 || told > 6*6 {
					t.Errorf("the log told it %d times", told)
				}
			})
		})
	}
}

// An event that says that events were lost does not make another one when it is refused.
func TestLossOfLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{outcome: func(*request, document) int { return 400 }}, nil)
		w.write(events.KindEventsLost, 2)
		w.write(events.KindExec, 3)
		w.write(events.KindFork, 1)
		w.close(time.Hour)
		slices.SortFunc(w.losses, func(a, b events.Loss) int { return int(a.Kind) - int(b.Kind) })
		if len(w.losses) != 2 || w.losses[0].Kind != events.KindExec || w.losses[0].Count != 3 || w.losses[1].Kind != events.KindFork {
			t.Errorf("%v", w.losses)
		}
		if w.ledger.Read().Lost() != 6 || len(letters(t, w.dead)) != 6 || w.log.Count("for good") != 1 {
			t.Errorf("%s\n%s", w.ledger.Read(), w.log)
		}
	})
}

// TestUnknownBody: what another version has spooled does not hold up the rest.
func TestUnknownBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &fakeEngine{}, nil)
		for _, body := range []string{"", "\x01", "\x02{}\n{}\n", "\x01{\"create\":{}}\n{}", "{}\n{}\n"} {
			w.ledger.Generated(events.KindExec, 1)
			w.spool.Append(entriesOf(events.KindExec, body))
		}
		w.write(events.KindExec, 1)
		w.close(time.Hour)
		if balance := w.ledger.Read(); balance.Delivered["exec"] != 1 || balance.Dropped["rejected"]["exec"] != 5 {
			t.Errorf("%s", balance)
		}
		if list := letters(t, w.dead); len(list) != 5 || list[0]["reason"] != errBody.Error() {
			t.Errorf("%v", list)
		}
	})
}
