// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"sensor/internal/fallback/audit/rules"
)

// A rulebook is where the kernel's rules are: [netlink.Control].
type rulebook interface {
	Rules() ([][]byte, error)
	Add(rule []byte) error
	Delete(rule []byte) error
}

// ruleset are the rules that this process adds. Those that can have a key have
// the owner's as their last.
type ruleset struct {
	book    rulebook
	journal *journal
	rules   []rules.Rule
	added   []rules.Rule
	loaded  bool
}

// newRuleset gives each rule the owner's key.
func newRuleset(book rulebook, journal *journal, list []rules.Rule) (*ruleset, error) {
	set := &ruleset{book: book, journal: journal}
	var errs []error
	for _, r := range list {
		keyed, err := r.WithKey(journal.owner.String())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		set.rules = append(set.rules, keyed)
	}
	return set, errors.Join(errs...)
}

// load adds all rules in their order, or none. Those that the kernel may refuse
// and has refused are returned as refusals.
func (s *ruleset) load() (refusals, err error) {
	// A rule without a key can only be known again after a kill if it was noted before.
	var unkeyed [][]byte
	for _, r := range s.rules {
		if !r.Keyed() {
			unkeyed = append(unkeyed, r.Listed())
		}
	}
	if len(unkeyed) > 0 {
		there, err := s.book.Rules()
		if err != nil {
			return nil, err
		}
		unkeyed = slices.DeleteFunc(unkeyed, func(r []byte) bool { return contains(there, r) }) // somebody else's
		if err := s.journal.setRules(unkeyed); err != nil {
			return nil, err
		}
	}
	s.loaded = true
	var refused []error
	for _, r := range s.rules {
		err := s.book.Add(r.Wire())
		switch {
		case err == nil:
			s.added = append(s.added, r)
		case errors.Is(err, unix.EEXIST):
		case r.Optional:
			refused = append(refused, located(r, err))
		default:
			return nil, errors.Join(located(r, err), s.unload())
		}
	}
	return errors.Join(refused...), nil
}

func located(r rules.Rule, err error) error {
	if r.File == "" {
		return fmt.Errorf("%w: %q", err, r.Text)
	}
	return &rules.LineError{File: r.File, Line: r.Line, Text: r.Text, Err: err}
}

// unload removes the rules that load has added.
func (s *ruleset) unload() error {
	var errs []error
	for _, r := range s.added {
		if err := s.book.Delete(r.Listed()); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, located(r, err))
		}
	}
	s.added, s.loaded = nil, false
	return errors.Join(append(errs, s.journal.setRules(nil))...)
}

// missing is how many of the rules somebody has removed.
func (s *ruleset) missing() (n int, err error) {
	if len(s.added) == 0 {
		return 0, nil
	}
	list, err := s.book.Rules()
	if err != nil {
		return 0, err
	}
	for _, r := range s.added {
		if !contains(list, r.Listed()) {
			n++
		}
	}
	return n, nil
}

func contains(list [][]byte, rule []byte) bool {
	return slices.ContainsFunc(list, func(r []byte) bool { return string(r) == string(rule) })
}

// sweep removes the rules of sensors that live no more: those with their keys,
// and those that they have noted.
func sweep(book rulebook, noted [][]byte, lives func(owner) bool) (n int, err error) {
	list, err := book.Rules()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, r := range list {
		goes := contains(noted, r)
		for _, key := range rules.KeysOf(r) {
			if o, ok := parseOwner(key); ok && !lives(o) {
				goes = true
			}
		}
		if !goes {
			continue
		}
		switch err := book.Delete(r); {
		case err == nil:
			n++
		case !errors.Is(err, unix.ENOENT): // somebody was faster
			errs = append(errs, err)
		}
	}
	return n, errors.Join(errs...)
}
