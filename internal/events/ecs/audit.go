// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"slices"
	"strings"

	"sensor/internal/events"
)

// audit writes the records' own fields by the names that Auditbeat has for them.
func (w *writer) audit(a *events.Audit) {
	if len(a.Keys) > 0 {
		w.keys(a.Keys)
	}
	begin := len(w.b)
	w.open("auditd")
	w.word("message_type", a.Type)
	if a.Serial != 0 {
		w.number("sequence", uint64(a.Serial))
	}
	w.text("session", "auditd.session", a.Session)
	w.word("result", a.Result)
	data := len(w.b)
	w.open("data")
	w.auditFields("auditd.data.", a.Data, "socket")
	socket := len(w.b)
	w.open("socket")
	w.auditFields("auditd.data.socket.", a.Socket, "")
	w.closeOrDrop(socket)
	w.closeOrDrop(data)
	w.paths(a.Paths)
	w.closeOrDrop(begin)
}

// auditFields writes each field once, but not one that would stand where an
// object stands. prefix is the path of what holds them.
func (w *writer) auditFields(prefix string, fields []events.AuditField, object string) {
	for i, f := range fields {
		if f.Name == object || !events.ValidAuditName(f.Name) || slices.ContainsFunc(fields[:i], func(before events.AuditField) bool { return before.Name == f.Name }) {
			continue
		}
		w.key(f.Name)
		if !w.quote(f.Value) {
			w.raws = append(w.raws, raw{prefix + f.Name, f.Value})
		}
	}
}

// keys writes the keys of the rules that matched, where everybody looks for them.
func (w *writer) keys(keys []string) {
	w.key("tags")
	w.b = append(w.b, '[')
	exact := true
	for _, key := range keys {
		w.comma()
		exact = w.quote(key) && exact
	}
	w.b = append(w.b, ']')
	if !exact {
		w.raws = append(w.raws, raw{"tags", strings.Join(keys, "\x00") + "\x00"})
	}
}

// paths writes the PATH records. For sensor.raw the values of one name are a list.
func (w *writer) paths(paths [][]events.AuditField) {
	begin := len(w.b)
	w.key("paths")
	w.b = append(w.b, '[')
	empty, raws := len(w.b), len(w.raws)
	for _, path := range paths {
		at := len(w.b)
		w.comma()
		w.b = append(w.b, '{')
		w.auditFields("auditd.paths.", path, "")
		w.closeOrDrop(at)
	}
	if len(w.b) == empty {
		w.b = w.b[:begin]
		return
	}
	w.b = append(w.b, ']')
	bad := slices.Clone(w.raws[raws:])
	w.raws = w.raws[:raws]
	for _, r := range bad {
		if !slices.ContainsFunc(w.raws[raws:], func(before raw) bool { return before.field == r.field }) {
			w.raws = append(w.raws, raw{r.field, packedField(paths, strings.TrimPrefix(r.field, "auditd.paths."))})
		}
	}
}

// packedField is the field of each path that has it, each with a NUL behind it.
func packedField(paths [][]events.AuditField, name string) string {
	var packed strings.Builder
	for _, path := range paths {
		for _, f := range path {
			if f.Name == name {
				packed.WriteString(f.Value)
				packed.WriteByte(0)
				break
			}
		}
	}
	return packed.String()
}
