// SPDX-License-Identifier: Apache-2.0

// Package pipeline takes events from the sources to the sink: it plans which
// source serves which kind, completes the events, and accounts for each one.
package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"sensor/internal/events"
)

// A Plan says which source serves which kind.
type Plan struct {
	Sources []events.Source               // those that serve something, open
	Served  map[events.Kind]events.Source // by kind
	Reasons []error                       // why a source could not take a kind that it was asked for
}

// Open offers the wanted kinds to the sources in order: each kind goes to the
// first that takes it. A source that serves nothing is closed again.
func Open(sources []events.Source, want []events.Kind) (Plan, error) {
	plan := Plan{Served: map[events.Kind]events.Source{}}
	missing := slices.Clone(want)
	var errs []error
	for _, source := range sources {
		if len(missing) == 0 {
			break
		}
		got, err := source.Open(slices.Clone(missing)) // its own to keep
		if err != nil {
			plan.Reasons = append(plan.Reasons, fmt.Errorf("source %s: %w", source.Name(), err))
		}
		if len(got) == 0 {
			if err := source.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close source %s: %w", source.Name(), err))
			}
			continue
		}
		plan.Sources = append(plan.Sources, source)
		for _, kind := range got {
			plan.Served[kind] = source
		}
		missing = slices.DeleteFunc(missing, func(k events.Kind) bool { return slices.Contains(got, k) })
	}
	return plan, errors.Join(errs...)
}

// Close closes every source of the plan.
func (p Plan) Close() error {
	var errs []error
	for _, source := range p.Sources {
		if err := source.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close source %s: %w", source.Name(), err))
		}
	}
	return errors.Join(errs...)
}
