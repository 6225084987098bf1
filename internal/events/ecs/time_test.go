// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sensor/internal/events"
)

const layout = "2006-01-02T15:04:05.000000000Z"

// checkTimes writes the times one after the other, in several fields of one
// document, and compares them with what the standard library writes.
func checkTimes(t *testing.T, e *Encoder, times []time.Time) {
	t.Helper()
	var line []byte
	for i := range times {
		a, b, c, d := times[i], times[(i+1)%len(times)], times[(i+2)%len(times)], times[i]
		ev := &events.Event{Kind: events.KindEventsLost, Time: a, Created: b, Loss: &events.Loss{Kind: events.KindExec, First: c, Last: d}}
		line = e.Append(line[:0], ev)
		document := mustParse(t, line)
		for path, time := range map[string]time.Time{"@timestamp": a, "event.created": b, "event.start": c, "event.end": d} {
			if time.IsZero() {
				if document[path] != nil {
					t.Errorf("%s = %v for the zero time", path, document[path])
				}
				continue
			}
			if got, want := document.one(t, path), time.UTC().Format(layout); got != want {
				t.Fatalf("%s = %s, want %s", path, got, want)
			}
		}
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("", -(3*3600 + 1800))
	second := time.Unix(1<<31, 0)
	checkTimes(t, NewEncoder(fullOptions()), []time.Time{
		{},
		time.Unix(0, 0),
		time.Unix(0, 1),
		time.Unix(0, -1), // the second before
		time.Unix(-1, 0),
		time.Unix(-1, 999_999_999),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Unix(0, math.MinInt64), // as far as a boot time can lead
		time.Unix(0, math.MaxInt64),
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2028, 2, 28, 23, 59, 59, 1, time.UTC),
		time.Date(2028, 2, 29, 0, 0, 0, 10, time.UTC),
		time.Date(2100, 2, 28, 23, 59, 59, 100, time.UTC),
		time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 6, 1, 12, 0, 0, 120_000_000, zone), // always UTC in the document
		second, second.Add(1), second.Add(time.Second), second.Add(-1), second.Add(999_999_999),
		second.Add(8 * time.Second), second, second.Add(16 * time.Second), second, // the same place of the cache
	})
}

// What a writer remembers of the times before never shows in what it writes.
func TestTimesInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w writer
	spans := []int64{1, 1e9, 20e9, 400 * 24 * 3600e9, math.MaxInt64}
	for range 2000 {
		base, span := r.Int64()-r.Int64(), spans[r.IntN(len(spans))]
		for range 20 {
			at := time.Unix(0, base).Add(time.Duration(r.Int64N(span) - span/2))
			w.b = w.b[:0]
			w.time("t", at)
			if want := `"t":"` + at.UTC().Format(layout) + `"`; string(w.b) != want {
				t.Fatalf("%s, want %s", w.b, want)
			}
		}
	}
}
