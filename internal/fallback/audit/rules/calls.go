// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"

	"sensor/internal/events"
)

// Calls names the system calls whose records serve a kind.
func Calls(kind events.Kind) []string {
	var names []string
	for _, r := range requests[kind] {
		for _, name := range r.calls {
			if r.list == "" && name != byArgument && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
