// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"time"

	"sensor/internal/events"
)

// report puts what the sensor has to say of itself into the stream, at each
// interval until ctx ends. The last one is lastReport's.
func (p *Pipeline) report(ctx context.Context) {
	if p.options.Report == nil {
		return
	}
	ticker := time.NewTicker(p.options.ReportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.tellOf(p.options.Report())
		}
	}
}

// tellOf puts an event of the pipeline's own into the stream.
func (p *Pipeline) tellOf(e *events.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.synthesize(e)
	if !p.queue.offer(e) {
		p.lose(events.ReasonQueueFull, e)
	}
}

// lastReport appends the report on the whole run.
func (p *Pipeline) lastReport(batch []*events.Event) []*events.Event {
	if p.options.Report == nil {
		return batch
	}
	e := p.options.Report()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.synthesize(e)
	return append(batch, e)
}
