// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"time"

	"sensor/internal/events"
)

// tellAfter is how long losses are summed up before the stream is told of them.
const tellAfter = time.Second

// A lossKey says which losses make one sum.
type lossKey struct {
	kind  events.Kind
	stage events.Reason
	cpu   int
}

// lose counts an event as dropped and remembers to tell of it. If the event
// itself told of a loss, that is to be told again. The caller holds mu.
func (p *Pipeline) lose(reason events.Reason, e *events.Event) {
	p.options.Ledger.Dropped(reason, e.Kind, 1)
	loss := events.Loss{Kind: e.Kind, Stage: reason, CPU: -1, Count: 1, First: e.Time, Last: e.Time}
	if e.Loss != nil {
		loss = *e.Loss
	}
	p.remember(loss)
}

// Lost has the stream told of what a later stage has lost and counted. Any
// goroutine may call it, at any time.
func (p *Pipeline) Lost(loss events.Loss) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remember(loss)
}

// remember sums losses up until the stream is told of them. The caller holds mu.
func (p *Pipeline) remember(loss events.Loss) {
	key := lossKey{loss.Kind, loss.Stage, loss.CPU}
	if sum := p.losses[key]; sum == nil {
		p.losses[key] = &loss
	} else {
		sum.Count += loss.Count
		if sum.First.IsZero() || !loss.First.IsZero() && loss.First.Before(sum.First) {
			sum.First = loss.First
		}
		if loss.Last.After(sum.Last) {
			sum.Last = loss.Last
		}
	}
	p.tellSoon()
}

// tellSoon has the losses told also if no event comes any more. The caller holds mu.
func (p *Pipeline) tellSoon() {
	if p.telling || !p.running || p.ended { // in the end the writer tells
		return
	}
	p.telling = true
	time.AfterFunc(tellAfter, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.telling = false
		if !p.ended {
			p.tell()
		}
	})
}

// tell puts what was lost into the stream. What finds no room is due. The caller holds mu.
func (p *Pipeline) tell() {
	p.due = false
	for key, loss := range p.losses {
		e := &events.Event{Kind: events.KindEventsLost, Loss: loss}
		if !p.queue.fits(e.Size()) {
			p.due = true
			p.tellSoon()
			return
		}
		delete(p.losses, key)
		p.synthesize(e)
		p.queue.offer(e)
	}
}

// lastLosses appends what was not told when the sources had ended.
func (p *Pipeline) lastLosses(batch []*events.Event) []*events.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, loss := range p.losses {
		e := &events.Event{Kind: events.KindEventsLost, Loss: loss}
		p.synthesize(e)
		batch = append(batch, e)
	}
	clear(p.losses)
	return batch
}

// synthesize completes an event of the pipeline's own.
func (p *Pipeline) synthesize(e *events.Event) {
	e.Provider = "sensor"
	e.Time = time.Now()
	e.Created = e.Time
	p.number(e)
	p.options.Ledger.Synthesized(e.Kind, 1)
}
