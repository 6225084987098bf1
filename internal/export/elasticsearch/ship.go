// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/engine"
	"sensor/internal/export/spool"
)

// ship takes batches from the spool and delivers them until ctx ends.
func (s *Sink) ship(ctx context.Context) {
	bulk := newBulk()
	for {
		batch, err := s.take(ctx)
		if err != nil {
			return
		}
		d := delivery{sink: s, bulk: bulk, batch: batch}
		count := int64(len(batch.Entries)) // a batch that is settled has none
		s.counters.inFlight.Add(count)
		err = d.run(ctx)
		s.counters.inFlight.Add(-count)
		if err != nil {
			s.options.Spool.Return(batch)
			return
		}
	}
}

// take waits for a batch.
func (s *Sink) take(ctx context.Context) (*spool.Batch, error) {
	if err := s.taking.get(ctx, s.options.Linger, s.draining); err != nil {
		return nil, err
	}
	full := false
	defer func() { s.taking.done(full) }()
	batch, err := s.options.Spool.Next(ctx, s.options.BulkEvents, s.options.BulkBytes)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range batch.Entries {
		size += len(batch.Entries[i].Body)
	}
	full = len(batch.Entries) >= s.options.BulkEvents || size >= s.options.BulkBytes/2
	return batch, nil
}

// mostErrors is how often the engine may fail at a document (500) while it takes requests. A document that it never gets
// over would otherwise hold up all others.
const mostErrors = 20

// A delivery brings one batch to an end.
type delivery struct {
	sink  *Sink
	bulk  *bulk
	batch *spool.Batch

	delivered [events.KindCount]uint64
	rejected  map[events.Kind]*events.Loss
	errors    map[int]int // by place in the batch: answers 5xx
}

// run returns when the engine has taken or refused each document. err is non-nil if ctx ended before.
func (d *delivery) run(ctx context.Context) error {
	all := make([]int, len(d.batch.Entries))
	for i := range all {
		all[i] = i
	}
	parts := [][]int{all} // places in the batch, by request
	for retries := 0; len(parts) > 0; {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if part = d.pack(part); len(part) == 0 {
			continue
		}
		items, err := d.exchange(ctx, len(part))
		switch {
		case err != nil:
			return err
		case items != nil:
			again := d.judge(part, items)
			if len(again) == 0 {
				retries = 0
				continue
			}
			retries++
			if err := sleep(ctx, backoff(retries)); err != nil {
				return err
			}
			parts = append(parts, again)
		case len(part) == 1:
			d.reject(part[0], http.StatusRequestEntityTooLarge, "", "the engine takes no request of this size")
		default:
			parts = append(parts, part[len(part)/2:], part[:len(part)/2])
		}
	}
	d.settle()
	return nil
}

// pack makes the request's body. It leaves out what cannot be sent.
func (d *delivery) pack(part []int) []int {
	d.bulk.reset()
	sent := part[:0]
	for _, at := range part {
		lines, err := linesOf(d.batch.Entries[at].Body)
		if err != nil {
			d.reject(at, 0, "", err.Error())
			continue
		}
		d.bulk.add(lines)
		sent = append(sent, at)
	}
	d.bulk.finish()
	return sent
}

// exchange sends the body until the engine answers with the outcome of each document, or that the body is too large (items
// is nil). err is non-nil only if ctx ended.
func (d *delivery) exchange(ctx context.Context, count int) ([]item, error) {
	s := d.sink
	for {
		if err := s.outage.wait(ctx); err != nil {
			return nil, err
		}
		began := time.Now()
		response, err := s.do(ctx, http.MethodPost, bulkPath, d.bulk.header, d.bulk.packed.Bytes())
		s.counters.request(response, time.Since(began), d.bulk)
		if err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var wait time.Duration
		if err == nil {
			var items []item
			if items, err = read(response, count); err == nil {
				s.outage.over(began)
				s.counters.success.Store(time.Now().UnixNano())
				return items, nil
			}
			wait = retryAfter(response, time.Now())
		}
		s.outage.failed(began, err, wait)
	}
}

// read gives the outcome of each document, or nil if the request was too large.
func read(response *engine.Response, count int) ([]item, error) {
	switch {
	case response.Status == http.StatusRequestEntityTooLarge:
		return nil, nil
	case response.Status != http.StatusOK:
		return nil, engine.NewAnswerError(response)
	}
	items, err := parseItems(response.Body, count)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", response.Host, err)
	}
	return items, nil
}

// judge takes note of the outcomes, and gives those places that are to be sent again.
func (d *delivery) judge(part []int, items []item) (again []int) {
	s := d.sink
	var held *item
	for i := range items {
		at, outcome := part[i], &items[i]
		what := judge(outcome.Status)
		if what == verdictRetry && outcome.Status >= 500 && outcome.Status != http.StatusServiceUnavailable {
			if d.errors == nil {
				d.errors = map[int]int{}
			}
			if d.errors[at]++; d.errors[at] >= mostErrors {
				what = verdictRejected
			}
		}
		switch what {
		case verdictRetry:
			again = append(again, at)
			held = outcome
		case verdictRejected:
			d.reject(at, outcome.Status, outcome.errorType(), outcome.reason())
		case verdictDuplicate:
			s.counters.duplicate.Add(1)
			d.delivered[d.batch.Entries[at].Kind]++
		default:
			d.delivered[d.batch.Entries[at].Kind]++
		}
	}
	s.counters.retried.Add(uint64(len(again)))
	if held != nil && (held.Status == http.StatusUnauthorized || held.Status == http.StatusForbidden) {
		s.renew()
	}
	if held != nil && s.told.held.due() {
		s.options.Log.Error("the search engine does not take some events now; they are sent again", "events", len(again),
			"status", held.Status, "type", held.errorType(), "waiting", s.options.Spool.Stats().Entries)
	}
	return again
}

// reject gives a document up.
func (d *delivery) reject(at, status int, errorType, reason string) {
	s, entry := d.sink, &d.batch.Entries[at]
	s.counters.rejected.Add(1)
	if d.rejected == nil {
		d.rejected = map[events.Kind]*events.Loss{}
	}
	loss := d.rejected[entry.Kind]
	if loss == nil {
		loss = &events.Loss{Kind: entry.Kind, Stage: events.ReasonRejected, CPU: -1, First: entry.Time, Last: entry.Time}
		d.rejected[entry.Kind] = loss
	}
	loss.Count++
	if entry.Time.Before(loss.First) {
		loss.First = entry.Time
	}
	if entry.Time.After(loss.Last) {
		loss.Last = entry.Time
	}
	letter := letterOf(entry.Body)
	err := s.dead.write(status, errorType, reason, letter)
	s.untold.Add(1)
	if s.told.rejected.due() {
		// The reason is not told: it may have parts of the document in it.
		s.options.Log.Error("the search engine refuses events for good; they are dropped", "events", s.untold.Swap(0),
			"status", status, "type", errorType, "index", letter.index, "dead_letter", s.options.DeadLetter)
		if err != nil {
			s.options.Log.Error("refused events cannot be kept", "error", err)
		}
	}
}

// settle accounts for the batch and lets the spool forget it.
func (d *delivery) settle() {
	s := d.sink
	for kind, n := range d.delivered {
		if n > 0 {
			s.options.Ledger.Delivered(events.Kind(kind), n)
			s.counters.delivered.Add(n)
		}
	}
	for kind, loss := range d.rejected {
		s.options.Ledger.Dropped(events.ReasonRejected, kind, loss.Count)
	}
	s.options.Spool.Settle(d.batch)
	for kind, loss := range d.rejected {
		if kind != events.KindEventsLost { // that event would be refused as well, and so on for ever
			s.options.Lost(*loss)
		}
	}
}
