// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strconv"

	"sensor/internal/events"
)

// appendFile appends who did it, to what, and what else is to be said of it.
func appendFile(b []byte, e *events.Event) []byte {
	f := e.File
	b = appendOwner(b, e.Process)
	b = append(b, ' ')
	if e.Words != nil && e.Words.Action != "" {
		b = append(quote(b, e.Words.Action), ' ')
	}
	if e.Kind == events.KindFileRename || f.Original.Name != "" {
		b = appendPath(b, f.Original)
		if f.Exchanged {
			b = append(b, " <-> "...)
		} else {
			b = append(b, " -> "...)
		}
	}
	b = appendPath(b, f.Path)
	notes := notes{b: b}
	if f.Type != events.FileTypeUnknown && f.Type != events.FileTypeRegular {
		notes.add(f.Type.String())
	}
	if f.Target != "" {
		notes.add("to ")
		notes.b = quote(notes.b, f.Target)
	}
	if f.Summary && f.Writes.HasCount {
		notes.number("", f.Writes.Count, " writes")
	}
	if f.Summary && f.Writes.HasBytes {
		notes.number("", f.Writes.Bytes, " bytes")
	}
	if e.Kind == events.KindFileAttributes && (f.Known || f.HasMode) {
		notes.add("mode 0")
		notes.b = strconv.AppendUint(notes.b, uint64(f.Mode&0o7777), 8)
		notes.number("owner ", uint64(f.Owner.ID), "")
		notes.number("group ", uint64(f.Group.ID), "")
	}
	if f.Replaced {
		notes.add("replaced another")
	}
	if f.Offline {
		notes.add("unseen")
	}
	if f.Path.Deleted {
		notes.add("deleted")
	}
	if f.Path.Detached {
		notes.add("detached")
	}
	return notes.end()
}

// appendPath appends a path, with dots for a front that is missing.
func appendPath(b []byte, p events.Path) []byte {
	if p.Name == "" {
		return append(b, '-')
	}
	if p.Cut {
		b = append(b, "..."...)
	}
	return quote(b, p.Name)
}

// notes are what stands in brackets at the end of a line, if there is any.
type notes struct {
	b   []byte
	any bool
}

func (n *notes) add(text string) {
	if n.any {
		n.b = append(n.b, ", "...)
	} else {
		n.b, n.any = append(n.b, "  ("...), true
	}
	n.b = append(n.b, text...)
}

func (n *notes) number(before string, v uint64, unit string) {
	n.add(before)
	n.b = append(strconv.AppendUint(n.b, v, 10), unit...)
}

func (n *notes) end() []byte {
	if n.any {
		n.b = append(n.b, ')')
	}
	return n.b
}
