// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"slices"

	"sensor/internal/events"
)

// tellServing puts into the stream which source tells of what from now on: who
// reads the events is to know what could not be in them. cause is why it has
// changed, nil at the start.
func (p *Pipeline) tellServing(plan *Plan, cause error) {
	state := &events.Serving{}
	for _, kind := range events.Kinds() {
		if source := plan.Served[kind]; source != nil {
			state.By = append(state.By, events.Served{Kind: kind, Source: source.Name(), Variant: variantOf(source, kind)})
		} else if slices.Contains(plan.wished, kind) {
			state.Not = append(state.Not, kind)
		}
	}
	if len(state.By)+len(state.Not) == 0 {
		return
	}
	if cause != nil {
		state.Cause = cause.Error()
	}
	p.serving.Store(state)
	p.tellOf(&events.Event{Kind: events.KindServing, Serving: state})
}

// variantOf is how a source serves a kind; "" if it does not say.
func variantOf(source events.Source, kind events.Kind) string {
	planner, ok := source.(events.Planner)
	if !ok {
		return ""
	}
	for _, service := range planner.Plan() {
		if service.Kind == kind && service.Err == nil {
			return service.Variant
		}
	}
	return ""
}
