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
		if d.run(ctx) != nil || s.pace(ctx, &d) != nil {
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
	most := s.size.most()
	batch, err := s.options.Spool.Next(ctx, s.options.BulkEvents, most)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range batch.Entries {
		size += len(batch.Entries[i].Body)
	}
	full = len(batch.Entries) >= s.options.BulkEvents || size >= most/2
	return batch, nil
}

// A delivery brings one batch to an end: what the engine has taken or refused is settled. What it has held up, and what is
// of a data stream that rests, is set aside: it goes to the end of the spool.
type delivery struct {
	sink  *Sink
	bulk  *bulk
	batch *spool.Batch

	aside      []int // places in the batch
	asideBytes int
	sent       bool // there was something to send
	delivered  [events.KindCount]uint64
	rejected   map[events.Kind]*events.Loss
}

// run returns when the batch is settled. err is non-nil if ctx ended before all of it was answered; the rest is then in
// the spool again.
func (d *delivery) run(ctx context.Context) error {
	var parts [][]int // places in the batch, by request
	if due := d.due(); len(due) > 0 {
		parts = append(parts, due)
	}
	for len(parts) > 0 {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if part = d.pack(part); len(part) == 0 {
			continue
		}
		d.sent = true
		began := time.Now()
		items, err := d.exchange(ctx, len(part))
		switch {
		case err != nil:
			for _, unanswered := range append(parts, part) {
				d.aside = append(d.aside, unanswered...)
			}
			if len(d.aside) == len(d.batch.Entries) {
				d.sink.options.Spool.Return(d.batch)
			} else {
				d.settle()
			}
			return err
		case items != nil:
			d.judge(began, part, items)
		case len(part) == 1:
			d.reject(part[0], http.StatusRequestEntityTooLarge, "", "the engine takes no request of this size")
		default:
			parts = append(parts, part[len(part)/2:], part[:len(part)/2])
		}
	}
	d.settle()
	return nil
}

// due lists what is to be sent, and sets aside the rest.
func (d *delivery) due() []int {
	due := make([]int, 0, len(d.batch.Entries))
	resting := d.sink.rests.list()
	for i := range d.batch.Entries {
		if len(resting) > 0 && resting[d.sink.dataStreamOf(&d.batch.Entries[i])] {
			d.aside = append(d.aside, i)
		} else {
			due = append(due, i)
		}
	}
	return due
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

// leastTooLarge is from how many bytes on a request with a single document can be too large for an engine, whose own
// bound is 100 MB. Who takes less takes nothing: a proxy with a bound of its own.
const leastTooLarge = 256 << 10

// exchange sends the body until the engine answers with the outcome of each document, or that the body is too large (items
// is nil). err is non-nil only if ctx ended.
func (d *delivery) exchange(ctx context.Context, count int) ([]item, error) {
	s, size := d.sink, d.bulk.plain
	for {
		if err := s.outage.wait(ctx); err != nil {
			return nil, err
		}
		began := time.Now()
		response, err := s.do(ctx, mostAnswer(count, size), http.MethodPost, bulkPath, d.bulk.header, d.bulk.packed.Bytes())
		s.counters.request(response, time.Since(began), d.bulk)
		if err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var wait time.Duration
		if err == nil {
			if response.Status == http.StatusRequestEntityTooLarge && (count > 1 || size >= leastTooLarge) {
				s.size.tooLarge(size)
				return nil, nil
			}
			var items []item
			if items, err = read(ctx, response, count); err == nil {
				s.size.passed(size)
				s.outage.over(began)
				s.counters.success.Store(time.Now().UnixNano())
				return items, nil
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if response.Status == http.StatusRequestEntityTooLarge {
				err = fmt.Errorf("%w: to a request of %d bytes", err, d.bulk.packed.Len())
			}
			wait = retryAfter(response, time.Now())
		}
		s.outage.failed(began, err, wait)
	}
}

// read gives the outcome of each document.
func read(ctx context.Context, response *engine.Response, count int) ([]item, error) {
	if response.Status != http.StatusOK {
		return nil, engine.NewAnswerError(response)
	}
	items, err := parseItems(ctx, response.Body, count)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", response.Host, err)
	}
	for i := range items {
		items[i].redact(response.Redact)
	}
	return items, nil
}

// judge takes note of the outcomes, and sets aside what is to be sent again.
func (d *delivery) judge(began time.Time, part []int, items []item) {
	s := d.sink
	var held *item
	answered, heldUp := map[string]bool{}, map[string]bool{} // data streams
	watched := s.rests.any()
	before := len(d.aside)
	for i := range items {
		at, outcome := part[i], &items[i]
		entry := &d.batch.Entries[at]
		what := judge(outcome.Status)
		if what == verdictRetry && s.failing.tooOften(outcome.Status, entry.Body) {
			what = verdictRejected
		}
		switch what {
		case verdictRetry:
			d.aside = append(d.aside, at)
			held = outcome
			heldUp[s.dataStreamOf(entry)] = true
			continue
		case verdictRejected:
			d.reject(at, outcome.Status, outcome.errorType(), outcome.reason())
		case verdictDuplicate:
			s.counters.duplicate.Add(1)
			d.delivered[entry.Kind]++
		default:
			d.delivered[entry.Kind]++
		}
		if watched {
			answered[s.dataStreamOf(entry)] = true
		}
	}
	s.rests.note(began, answered, heldUp)
	if held == nil {
		return
	}
	count := len(d.aside) - before
	s.counters.retried.Add(uint64(count))
	if held.Status == http.StatusUnauthorized || held.Status == http.StatusForbidden {
		s.renew()
	}
	if s.told.held.due() {
		s.options.Log.Error("the search engine does not take some events now; they are sent again", "events", count,
			"status", held.Status, "type", held.errorType(), "index", letterOf(d.batch.Entries[d.aside[before]].Body).index, "waiting", s.options.Spool.Stats().Entries)
	}
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
	s.dead.write(status, errorType, reason, letter)
	s.untold.Add(1)
	if s.told.rejected.due() {
		// The reason is not told: it may have parts of the document in it.
		s.options.Log.Error("the search engine refuses events for good; they are dropped", "events", s.untold.Swap(0),
			"status", status, "type", errorType, "index", letter.index, "dead_letter", s.options.DeadLetter)
	}
}

// settle accounts for what was answered and lets the spool forget the batch. What is set aside is spooled again before, so
// that a kill at any moment loses nothing.
func (d *delivery) settle() {
	s := d.sink
	again := make([]spool.Entry, len(d.aside))
	for i, at := range d.aside {
		again[i] = d.batch.Entries[at]
		d.asideBytes += len(again[i].Body)
	}
	s.options.Spool.Append(again)
	for kind, n := range d.delivered {
		if n > 0 {
			s.options.Ledger.Delivered(events.Kind(kind), n)
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
