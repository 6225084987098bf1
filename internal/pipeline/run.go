// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sensor/internal/events"
)

// Options of a pipeline.
type Options struct {
	Log       *slog.Logger
	Ledger    *events.Ledger
	IDs       events.IDs        // for the events that the sensor makes about itself
	Enrichers []events.Enricher // in order
	// Wanted decides after enrichment which events are wanted. The others are counted as filtered.
	Wanted func(*events.Event) bool
	// Report makes an event about the sensor itself, one at each interval and one at the end. nil: none is told.
	Report      func() *events.Event
	ReportEvery time.Duration
	// Required kinds end the run if nobody serves them any more.
	Required []events.Kind

	QueueEvents int
	QueueBytes  int64
	// Grace is how long the sink may take at the end for what is queued.
	Grace time.Duration
}

// Pipeline runs a plan. Everything that the sources emit passes one after the
// other, so enrichers need no locks.
type Pipeline struct {
	options  Options
	mu       sync.Mutex // the sources' goroutines take turns
	sequence uint64
	made     uint64 // events made here
	queue    *queue
	losses   map[lossKey]*events.Loss // not yet told
	telling  bool                     // a timer runs
	due      bool                     // the losses are to be told as soon as there is room
	running  bool                     // somebody takes from the queue
	ended    bool                     // nothing may be queued any more
	serving  atomic.Pointer[events.Serving]
}

// New makes a pipeline.
func New(options Options) *Pipeline {
	return &Pipeline{
		options: options,
		queue:   newQueue(options.QueueEvents, options.QueueBytes),
		losses:  map[lossKey]*events.Loss{},
	}
}

// Queue says how much waits for the sink.
func (p *Pipeline) Queue() (events int, bytes int64) { return p.queue.size() }

// Serving is what the stream was last told of who serves what; nil if it was not told yet.
func (p *Pipeline) Serving() *events.Serving { return p.serving.Load() }

// Between calls f while no event passes the enrichers, whose state it may read. It is to take no time.
func (p *Pipeline) Between(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// errGrace says that the sink was not waited for any longer.
var errGrace = errors.New("the output takes no events")

// Run runs the plan until ctx ends, a source has nothing more to tell, nobody
// serves a required kind any more, or the other end of the sink is gone
// (EPIPE); then it drains the sources and gives the sink its grace. What a
// source served that fails, others take over. When Run returns, the ledger is
// final, but for a sink that keeps events: closing that settles the rest. The
// caller closes the plan and the sink.
func (p *Pipeline) Run(ctx context.Context, plan *Plan, sink events.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The writer outlives ctx: it ends when the queue has run dry, or with its grace.
	writing, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	written := make(chan error, 1)
	go func() {
		written <- p.write(writing, sink, cancel)
	}()

	reported := make(chan struct{})
	go func() {
		defer close(reported)
		p.report(ctx)
	}()

	type end struct {
		source events.Source
		err    error
	}
	ends := make(chan end)
	running := 0
	run := func(sources []events.Source) {
		for _, source := range sources {
			running++
			go func() { ends <- end{source, source.Run(ctx, p.emit)} }()
		}
	}
	p.begin()
	p.tellServing(plan, nil)
	run(plan.Sources)
	var errs []error
	for running > 0 {
		ended := <-ends
		running--
		switch {
		case ended.err == nil:
			cancel()
		case ctx.Err() != nil:
			errs = append(errs, fmt.Errorf("run source %s: %w", ended.source.Name(), ended.err))
		default:
			heirs, err := p.fall(plan, ended.source, ended.err)
			if err != nil {
				errs = append(errs, err)
			}
			if run(heirs); running == 0 || errors.Is(err, errRequired) {
				cancel()
			}
		}
	}

	cancel()
	<-reported
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.queue.close()
	grace := time.AfterFunc(p.options.Grace, func() { giveUp(errGrace) })
	defer grace.Stop()
	return errors.Join(append(errs, <-written)...)
}

// begin has the stream told of what was lost before there was one.
func (p *Pipeline) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = true
	if len(p.losses) > 0 {
		p.tellSoon()
	}
}

// errRequired says that nobody serves a required kind any more.
var errRequired = errors.New("a required kind is not served any more")

// fall has others take over what a source served that has failed with the given
// error. What nobody takes over is an error.
func (p *Pipeline) fall(plan *Plan, failed events.Source, cause error) (heirs []events.Source, err error) {
	cause = fmt.Errorf("run source %s: %w", failed.Name(), cause)
	reasons := len(plan.Reasons)
	heirs, orphans, err := plan.replace(failed)
	names := make([]string, len(heirs))
	for i, heir := range heirs {
		names[i] = heir.Name()
	}
	p.options.Log.Error("a source has failed", "source", failed.Name(), "error", cause, "taken_over_by", names, "not_served", orphans)
	for _, reason := range plan.Reasons[reasons:] {
		p.options.Log.Warn("source is incomplete", "error", reason)
	}
	p.tellServing(plan, cause)
	if err == nil && len(orphans) == 0 {
		return heirs, nil
	}
	for _, kind := range orphans {
		if slices.Contains(p.options.Required, kind) {
			err = errors.Join(err, fmt.Errorf("%w: %s", errRequired, kind))
		}
	}
	return heirs, errors.Join(cause, err)
}

// emit completes an event and queues it, or counts why not.
func (p *Pipeline) emit(e *events.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Created = time.Now()
	for _, enricher := range p.options.Enrichers {
		enricher.Enrich(e)
	}
	if !p.options.Wanted(e) {
		p.options.Ledger.Filtered(e.Kind, 1)
		return
	}
	if p.due {
		p.tell()
	}
	p.number(e)
	if !p.queue.offer(e) {
		p.lose(events.ReasonQueueFull, e)
	}
}

// number gives the event its place in the run, and an ID if its source gave it none.
func (p *Pipeline) number(e *events.Event) {
	p.sequence++
	e.Sequence = p.sequence
	if e.ID == (events.ID{}) {
		p.made++
		e.ID = p.options.IDs.Of("sensor", 0, p.made)
	}
}

// write takes batches to the sink until the queue is closed and empty. What the
// sink does not take is counted. Once the sink's other end is gone there is
// nothing left to do for the sources.
func (p *Pipeline) write(ctx context.Context, sink events.Sink, stopSources func()) error {
	batch := make([]*events.Event, 0, batchEvents)
	_, defers := sink.(events.Deferring)
	var failing, last bool
	var closed error
	for {
		batch = p.queue.take(batch)
		if len(batch) == 0 && !last && closed == nil && ctx.Err() == nil {
			last = true
			batch = p.lastReport(p.lastLosses(batch))
		}
		if len(batch) == 0 {
			return closed
		}
		if closed != nil {
			p.drop(events.ReasonClosed, batch)
			continue
		}
		n, err := sink.Write(ctx, batch)
		if err == nil && n < len(batch) {
			err = io.ErrShortWrite
		}
		if !defers {
			for _, e := range batch[:n] {
				p.options.Ledger.Delivered(e.Kind, 1)
			}
		}
		switch {
		case err == nil:
			if failing {
				p.options.Log.Info("the output takes events again", "output", sink.Name())
			}
			failing = false
		case errors.Is(err, syscall.EPIPE):
			closed = err
			p.drop(events.ReasonClosed, batch[n:])
			stopSources()
		case ctx.Err() != nil:
			p.drop(events.ReasonShutdown, batch[n:])
		default:
			if !failing {
				p.options.Log.Error("the output failed; its events are dropped and counted", "output", sink.Name(), "error", err)
			}
			failing = true
			p.mu.Lock()
			for _, e := range batch[n:] {
				p.lose(events.ReasonWrite, e)
			}
			p.mu.Unlock()
		}
	}
}

// drop counts what nobody will be told of: the sink takes nothing any more.
func (p *Pipeline) drop(reason events.Reason, batch []*events.Event) {
	for _, e := range batch {
		p.options.Ledger.Dropped(reason, e.Kind, 1)
	}
}
