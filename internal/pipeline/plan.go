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

// A Wish lists the kinds that are to be served.
type Wish struct {
	Kinds []events.Kind
	// Companions are taken from a source that serves one of Kinds; none is opened for them.
	Companions []events.Kind
}

// A Plan says which source serves which kind.
type Plan struct {
	Sources []events.Source               // those that serve something, open
	Served  map[events.Kind]events.Source // by kind
	Reasons []error                       // why a source could not take a kind that it was asked for

	wished     []events.Kind   // without companions
	companions []events.Kind   // as wished
	spare      []events.Source // those that serve nothing: closed, or never opened; best first
}

// Open offers the wished kinds to the sources in order: each kind goes to the
// first that takes it. A source that serves nothing is closed again.
func Open(sources []events.Source, wish Wish) (*Plan, error) {
	p := &Plan{Served: map[events.Kind]events.Source{}, wished: wish.Kinds, companions: wish.Companions}
	err := p.serve(sources, wish.Kinds)
	return p, err
}

// serve takes the missing kinds, and what companions are not served yet, from the sources.
func (p *Plan) serve(sources []events.Source, missing []events.Kind) error {
	served := func(k events.Kind) bool { return p.Served[k] != nil }
	var errs []error
	for _, source := range sources {
		missing = slices.DeleteFunc(slices.Clone(missing), served)
		if len(missing) == 0 {
			p.spare = append(p.spare, source)
			continue
		}
		companions := slices.DeleteFunc(slices.Clone(p.companions), served)
		got, err := source.Open(slices.Concat(missing, companions)) // its own to keep
		if err != nil {
			p.Reasons = append(p.Reasons, fmt.Errorf("source %s: %w", source.Name(), err))
		}
		if !slices.ContainsFunc(got, func(k events.Kind) bool { return slices.Contains(missing, k) }) {
			if err := source.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close source %s: %w", source.Name(), err))
			}
			p.spare = append(p.spare, source)
			continue
		}
		p.Sources = append(p.Sources, source)
		for _, kind := range got {
			p.Served[kind] = source
		}
	}
	return errors.Join(errs...)
}

// replace closes a source that has failed and offers its kinds to those that
// served nothing so far. It gives the sources that were opened for them, and
// the kinds that nobody took, without the companions.
func (p *Plan) replace(failed events.Source) (heirs []events.Source, orphans []events.Kind, err error) {
	var kinds []events.Kind
	for kind, source := range p.Served {
		if source != failed {
			continue
		}
		delete(p.Served, kind)
		if !slices.Contains(p.companions, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	p.Sources = slices.DeleteFunc(p.Sources, func(s events.Source) bool { return s == failed })
	if err = failed.Close(); err != nil {
		err = fmt.Errorf("close source %s: %w", failed.Name(), err)
	}
	before := len(p.Sources)
	spare := p.spare
	p.spare = nil
	err = errors.Join(err, p.serve(spare, kinds))
	return p.Sources[before:], slices.DeleteFunc(kinds, func(k events.Kind) bool { return p.Served[k] != nil }), err
}

// Close closes every source of the plan.
func (p *Plan) Close() error {
	var errs []error
	for _, source := range p.Sources {
		if err := source.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close source %s: %w", source.Name(), err))
		}
	}
	return errors.Join(errs...)
}
