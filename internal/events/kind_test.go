// SPDX-License-Identifier: Apache-2.0

package events

import (
	"math"
	"slices"
	"testing"
)

func TestKindByName(t *testing.T) {
	names := map[string]bool{}
	for _, k := range Kinds() {
		name := k.String()
		if names[name] {
			t.Errorf("two kinds are called %s", name)
		}
		names[name] = true
		if got, ok := KindByName(name); !ok || got != k {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "Exec", "exec ", "kind(0)", "kind(200)", "none", "unknown"} {
		if got, ok := KindByName(name); ok || got != KindNone {
			t.Errorf("%q: got %v, %v", name, got, ok)
		}
	}
}

func TestKindTraits(t *testing.T) {
	for _, k := range Kinds() {
		traits := k.Traits()
		if traits.Name == "" || traits.Dataset == "" {
			t.Errorf("%s lacks a word: %+v", k, traits)
		}
		// The others differ from event to event, and stand in its Words.
		if fixed := k < KindAuthentication || traits.Internal; (traits.Type != "") != fixed || (traits.Action != "") != fixed {
			t.Errorf("%s has words that differ, or lacks one: %+v", k, traits)
		}
		if traits.Class != ClassCritical && traits.Class != ClassBulk {
			t.Errorf("%s has the class %q", k, traits.Class)
		}
		if !traits.Internal && k != KindAudit && traits.Category == "" {
			t.Errorf("%s has no category", k)
		}
	}
	for _, k := range []Kind{KindNone, KindCount, math.MaxUint8} {
		if traits := k.Traits(); traits != (Traits{Name: traits.Name}) || slices.Contains(Kinds(), k) {
			t.Errorf("%s is a kind", k)
		}
		if k.String() == "" {
			t.Errorf("%d has no text", uint8(k))
		}
	}
}
