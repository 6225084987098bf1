// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// match compares the documents of one action and pid with what was said, in any
// order: those that have to be, and those that may be.
func match(k key, want, may []Expectation, have []document, m marks) (errs []error) {
	left := slices.Clone(have)
	take := func(i int, e Expectation) {
		errs = append(errs, m.compare(e, left[i])...)
		left = slices.Delete(left, i, i+1)
	}
	exact := func(list []Expectation) (missing []Expectation) {
		// Who says more chooses first.
		list = slices.SortedStableFunc(slices.Values(list), func(a, b Expectation) int {
			return cmp.Compare(len(b.Fields), len(a.Fields))
		})
		for _, e := range list {
			i := slices.IndexFunc(left, func(d document) bool { return len(differences(e.Fields, d.body)) == 0 })
			if i < 0 {
				missing = append(missing, e)
				continue
			}
			take(i, e)
		}
		return missing
	}
	missing := exact(want)
	exact(may)
	for _, e := range missing {
		best := -1
		for i, d := range left {
			if best < 0 || len(differences(e.Fields, d.body)) < len(differences(e.Fields, left[best].body)) {
				best = i
			}
		}
		if best < 0 {
			errs = append(errs, fmt.Errorf("%s of %d: no document of %s", k.action, k.pid, wanted(e)))
			continue
		}
		errs = append(errs, fmt.Errorf("%s of %d: %s", k.action, k.pid, strings.Join(differences(e.Fields, left[best].body), "; ")))
		take(best, e)
	}
	for _, d := range left {
		errs = append(errs, fmt.Errorf("%s of %d: not expected: %s", k.action, k.pid, summary(d)))
	}
	return errs
}

// marks are the values of fields that have to be the same in several documents.
type marks map[[2]string]marked

type marked struct {
	value any
	where key
}

// compare takes the marked values of a document that was compared otherwise.
func (m marks) compare(e Expectation, d document) (errs []error) {
	for _, path := range slices.Sorted(maps.Keys(e.Fields)) {
		operation, _ := e.Fields[path].(map[string]any)
		name, ok := operation["$same"].(string)
		got, present := lookup(d.body, path)
		if !ok || !present {
			continue
		}
		first, known := m[[2]string{path, name}]
		if !known {
			m[[2]string{path, name}] = marked{got, key{d.pid, d.action}}
		} else if !equal(first.value, got) {
			errs = append(errs, fmt.Errorf("%s of %d: %s is %s, but %s in %s of %d",
				d.action, d.pid, path, show(got), show(first.value), first.where.action, first.where.pid))
		}
	}
	return errs
}
