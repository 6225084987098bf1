// SPDX-License-Identifier: Apache-2.0

package setup

import (
	_ "embed"
	"strings"
)

// fields.txt is made of docs/events.md, where a new field is written down: go test -update.
//
//go:embed fields.txt
var fieldTable string

// A field of the documents.
type field struct {
	name string // "x.*": whatever lies below x
	typ  string // as docs/events.md calls it
}

// fields are all that any kind has, sorted by name, and those that the engine adds.
func fields() []field {
	var list []field
	for line := range strings.Lines(fieldTable) {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		list = append(list, field{name, typ})
	}
	return append(list, field{ingested, "date"})
}

// covers tells whether the row describes the path of a value.
func (f field) covers(path string) bool {
	if below, open := strings.CutSuffix(f.name, "*"); open {
		return strings.HasPrefix(path, below)
	}
	return path == f.name
}
