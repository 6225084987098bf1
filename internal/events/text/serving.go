// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"

	"sensor/internal/events"
)

// appendServing appends each source with what it serves, then what nobody serves, and why that has changed.
func appendServing(b []byte, s *events.Serving) []byte {
	var sources []string // in the order in which they come first
	kinds := map[string][]string{}
	add := func(source string, kind events.Kind) {
		if kinds[source] == nil {
			sources = append(sources, source)
		}
		kinds[source] = append(kinds[source], kind.String())
	}
	for _, by := range s.By {
		add(by.Source, by.Kind)
	}
	for _, kind := range s.Not {
		add("nobody", kind)
	}
	for i, source := range sources {
		if i > 0 {
			b = append(b, ';')
		}
		b = fmt.Appendf(b, " %s: %s", source, strings.Join(kinds[source], " "))
	}
	if s.Cause != "" {
		b = append(append(append(b, "  ("...), quote(nil, s.Cause)...), ')')
	}
	return b
}
