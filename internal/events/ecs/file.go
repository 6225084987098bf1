// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"strconv"
	"strings"

	"sensor/internal/events"
)

// file writes what the file is, and what was done to it as far as ECS and
// Elastic's endpoint agent have names for it.
func (w *writer) file(f *events.File) {
	begin := len(w.b)
	w.open("file")
	w.path("file.path", f.Path, f.Type)
	w.word("type", f.Type.String())
	w.text("target_path", "file.target_path", f.Target)
	if f.Inode != 0 {
		w.keyword("inode", f.Inode)
	}
	if f.Major|f.Minor != 0 {
		w.device(f.Major, f.Minor)
	}
	w.status(f)
	hash := len(w.b)
	w.open("hash")
	for _, h := range f.Hashes {
		w.word(h.Algorithm, h.Hex)
	}
	w.closeOrDrop(hash)
	ext := len(w.b)
	w.open("Ext")
	original := len(w.b)
	w.open("original")
	w.path("file.Ext.original.path", f.Original, f.Type)
	w.closeOrDrop(original)
	if f.Summary {
		w.writes(f.Writes)
	}
	w.closeOrDrop(ext)
	w.closeOrDrop(begin)
}

// path writes a path and its parts. The parts are copies, and have no raw field
// of their own. Of the original only Elastic's agent has a name, and none for
// its directory.
func (w *writer) path(field string, p events.Path, t events.FileType) {
	directory, name := split(p)
	w.text("path", field, p.Name)
	w.word("name", name)
	if t != events.FileTypeDirectory {
		w.word("extension", extension(name))
	}
	if field == "file.path" {
		w.word("directory", directory)
	}
}

// split gives the directory and the last component, each "" if it is unknown or
// there is none: the root has neither. If the front of the path is missing, so
// is that of the directory.
func split(p events.Path) (directory, name string) {
	i := strings.LastIndexByte(p.Name, '/')
	name = p.Name[i+1:]
	switch {
	case name == "" || i < 0:
		return "", name
	case i == 0 && !p.Cut:
		return "/", name
	}
	return p.Name[:i], name
}

// extension is what follows the last dot. The dot of a hidden file begins none.
func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i+1:]
	}
	return ""
}

func (w *writer) device(major, minor uint32) {
	w.key("device")
	w.b = append(w.b, '"')
	w.b = strconv.AppendUint(w.b, uint64(major), 10)
	w.b = append(w.b, ':')
	w.b = strconv.AppendUint(w.b, uint64(minor), 10)
	w.b = append(w.b, '"')
}

// status writes what stat(2) says, as far as it is known.
func (w *writer) status(f *events.File) {
	if f.Known || f.HasMode {
		w.key("mode")
		mode := f.Mode & 0o7777
		w.b = append(w.b, '"', '0'+byte(mode>>9), '0'+byte(mode>>6&7), '0'+byte(mode>>3&7), '0'+byte(mode&7), '"')
		w.keyword("uid", uint64(f.Owner.ID))
		w.keyword("gid", uint64(f.Group.ID))
		w.text("owner", "file.owner", f.Owner.Name)
		w.text("group", "file.group", f.Group.Name)
	}
	if !f.Known {
		return
	}
	if f.Type == events.FileTypeRegular {
		w.number("size", f.Size)
	}
	w.time("mtime", f.Modified)
	w.time("ctime", f.Changed)
}

func (w *writer) writes(n events.Writes) {
	begin := len(w.b)
	w.open("write")
	if n.HasBytes {
		w.number("bytes", n.Bytes)
	}
	if n.HasCount {
		w.number("count", n.Count)
	}
	w.closeOrDrop(begin)
}

// sensorFile writes what no one else has a name for.
func (w *writer) sensorFile(f *events.File) {
	begin := len(w.b)
	w.open("file")
	w.flag("summary", f.Summary)
	if f.Known {
		w.number("links", uint64(f.Links))
	}
	w.flag("offline", f.Offline)
	w.flag("exchanged", f.Exchanged)
	w.flag("replaced", f.Replaced)
	w.flag("cut", f.Path.Cut)
	w.flag("detached", f.Path.Detached)
	w.flag("deleted", f.Path.Deleted)
	marks(w, "original", f.Original)
	w.closeOrDrop(begin)
}
