// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"

	"sensor/internal/events"
)

// Plan implements [events.Planner].
func (s *Source) Plan() []events.Service { return s.plan }

// serve attaches the first variant of the row that the kernel takes, or all of
// them if every variant is to be tried.
func (s *Source) serve(row kindRow, known map[string]program) error {
	var errs []error
	served := false
	for _, v := range row.variants {
		service := events.Service{Kind: row.kind, Variant: v.name}
		var serving, attached []string
		for _, step := range v.programs {
			if known[alternatives(step)[0]].counts && !s.options.FileCounts {
				continue
			}
			name, fresh, err := s.attachOne(alternatives(step), known)
			if name != "" {
				serving = append(serving, name)
				service.Hooks = append(service.Hooks, known[name].typ+"/"+known[name].hook)
			}
			if err != nil {
				service.Err = fmt.Errorf("variant %s: %w", v.name, err)
				break
			}
			if fresh {
				attached = append(attached, name)
			}
		}
		if service.Err != nil { // what it has attached would tell what another variant tells
			for _, name := range attached {
				service.Err = errors.Join(service.Err, s.familyOf(name).remove(name))
			}
		}
		s.plan = append(s.plan, service)
		if service.Err != nil {
			errs = append(errs, service.Err)
			continue
		}
		if !served && row.kind != events.KindAlreadyRunning { // which counts in user space
			s.counters.programs[row.kind] = nil // also a kind without programs of its own has counters
			for _, name := range serving {
				if known[name].notes || s.watched[name] {
					continue // a program that serves several kinds counts for the first
				}
				s.watched[name] = true
				s.counters.programs[row.kind] = append(s.counters.programs[row.kind], s.familyOf(name).programs[name])
			}
		}
		served = true
		if !s.options.EveryVariant {
			break
		}
	}
	if served {
		return nil
	}
	return errors.Join(errs...)
}

// attachOne attaches the first of the programs that the kernel takes, unless it
// is at its hook already. Without success it names the last one.
func (s *Source) attachOne(names []string, known map[string]program) (name string, fresh bool, err error) {
	return firstOf(names, s.attached, func(name string) error { return s.familyOf(name).attach(known[name]) })
}

// errNoHook says that the kernel has no such hook, whoever asks.
var errNoHook = errors.New("no such hook")

// firstOf is attachOne for any way to attach. The empty name stands for doing
// without, where this kernel has none of the hooks before it.
func firstOf(names []string, attached func(string) bool, attach func(string) error) (name string, fresh bool, err error) {
	var errs []error
	for _, next := range names {
		if next == "" {
			if missing(errs) {
				return "", false, nil
			}
			continue
		}
		name = next
		if attached(name) {
			return name, false, nil
		}
		if err := attach(name); err != nil {
			errs = append(errs, err)
			continue
		}
		return name, true, nil
	}
	return name, false, errors.Join(errs...)
}

// missing reports whether all of the errors, and there are some, are of hooks
// that are not there, as against hooks that cannot be had.
func missing(errs []error) bool {
	return len(errs) > 0 && !slices.ContainsFunc(errs, func(err error) bool { return !isAbsent(err) })
}

// isAbsent reports whether the kernel has no such hook.
func isAbsent(err error) bool {
	return errors.Is(err, errNoHook) || errors.Is(err, btf.ErrNotFound) || errors.Is(err, ErrPrototype)
}

// familyOf is the family whose object holds the program.
func (s *Source) familyOf(program string) *family {
	for _, f := range s.families {
		if f.spec.Programs[program] != nil {
			return f
		}
	}
	return nil
}

// attached reports whether the program is at its hook.
func (s *Source) attached(program string) bool {
	f := s.familyOf(program)
	return f != nil && f.programs[program] != nil
}
