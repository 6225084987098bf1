// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is one fault of a configuration. Load, Parse and Check join all that they find.
type Error struct {
	File   string // as given by the caller; empty if the fault is in no file
	Line   int    // from 1; 0 if the fault is in no line
	Column int    // from 1, in characters
	Key    string // path, such as limits.rings.critical or sources[1]; of an unknown or duplicate key, what holds it
	Reason string
}

// Error gives the fault on one line: sensor.yaml:12:5: limits.rings.critical: "8MX" is not a size (want e.g. 8MiB).
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// join returns the faults as one error in the order of the file, nil if there is none.
func join(faults []*Error) error {
	slices.SortStableFunc(faults, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// child returns the path of a key below another.
func child(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// quote renders text of the user's on one line of bounded length.
func quote(text string) string { return strconv.Quote(clip(text)) }

const maxQuoted = 60 // bytes of the user's text that an error repeats

func clip(text string) string {
	if len(text) > maxQuoted {
		return strings.ToValidUTF8(text[:maxQuoted], "") + "..."
	}
	return text
}

// list renders names as "a, b or c".
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
