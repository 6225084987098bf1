// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strings"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Flags of open that are the same on all architectures that we run on; those of x/sys differ from what old programs have.
const (
	accessMode = 0o3
	truncates  = 0o1000
	pathOnly   = 0o10000000 // O_PATH
	nameless   = 0o20000000 // what O_TMPFILE has beside O_DIRECTORY
)

// file is what an item says of its file, or nil if it is none of those that are
// told: regular files, directories and links on real file systems.
func (d *deed) file(i *item, at argument) *events.File {
	f := &events.File{
		Path:  d.resolve(i.name, at),
		Inode: i.inode, Major: i.major, Minor: i.minor,
	}
	if i.known {
		if f.Type = events.FileTypeOf(i.mode); f.Type == events.FileTypeUnknown {
			return nil
		}
		f.HasMode = true
		f.Mode = uint16(i.mode &^ unix.S_IFMT)
		f.Owner = events.User{ID: i.owner, Name: i.ownerName}
		f.Group = events.Group{ID: i.group, Name: i.groupName}
	}
	// No record tells the kind of file system; these have no device, and their places are known.
	if i.major == 0 && (strings.HasPrefix(f.Path.Name, "/proc/") || strings.HasPrefix(f.Path.Name, "/sys/")) && !f.Path.Cut {
		return nil
	}
	return f
}

// tellFile makes an event of that kind about the item's file, or none.
func (d *deed) tellFile(kind events.Kind, i *item, at argument) *events.File {
	if i == nil || !d.wants(kind) {
		return nil
	}
	f := d.file(i, at)
	if f != nil {
		d.tell(kind).File = f
	}
	return f
}

// open tells of files that were made or opened to be written. That a file was
// written to after that is in no record, and neither is how much.
func (d *deed) open(w *way) {
	if !d.succeeded() {
		return
	}
	flags, known := d.flags, d.how
	switch {
	case d.call.name == "creat":
		flags, known = unix.O_WRONLY|truncates, true
	case w.flags != none && d.call.hasArgs:
		flags, known = d.call.args[w.flags], true
	}
	if known && flags&(nameless|pathOnly) != 0 {
		return
	}
	i := d.last(roleCreate)
	if i != nil && i.role == roleCreate {
		d.tellFile(events.KindFileCreate, i, w.at)
		return
	}
	write := flags&accessMode == unix.O_WRONLY || flags&accessMode == unix.O_RDWR || flags&truncates != 0
	if known && write {
		d.tellFile(events.KindFileWrite, d.last(roleNormal), w.at)
	}
}

// create tells of a new name.
func (d *deed) create(w *way) {
	if !d.succeeded() {
		return
	}
	f := d.tellFile(events.KindFileCreate, d.last(roleCreate), w.at)
	if f != nil && f.Type == events.FileTypeSymlink && strings.HasPrefix(d.call.name, "symlink") {
		for i := range d.items {
			if d.items[i].role == roleUnknown {
				f.Target = d.items[i].name
			}
		}
	}
}

// remove tells of a name that is gone.
func (d *deed) remove(w *way) {
	if d.succeeded() {
		d.tellFile(events.KindFileDelete, d.last(roleDelete), w.at)
	}
}

// rename tells of a new name for an old one. The items are the directories, the
// old name (DELETE), what had the new name before (DELETE, if it was there) and
// the new name (CREATE). If the names were exchanged the old one was created, too.
func (d *deed) rename(w *way) {
	if !d.succeeded() || !d.wants(events.KindFileRename) {
		return
	}
	var olds, news []*item
	for i := range d.items {
		switch d.items[i].role {
		case roleDelete:
			olds = append(olds, &d.items[i])
		case roleCreate:
			news = append(news, &d.items[i])
		}
	}
	if n := len(d.items); n >= 4 && d.items[0].role == roleNone { // two directories, then these
		olds, news = []*item{&d.items[2]}, []*item{&d.items[n-1]}
	}
	if len(olds) == 0 || len(news) == 0 {
		return
	}
	if f := d.tellFile(events.KindFileRename, news[0], w.at); f != nil {
		f.Original = d.resolve(olds[0].name, w.from)
		f.Exchanged = len(news) > 1
		f.Replaced = !f.Exchanged && len(olds) > 1
	}
}

// changed tells that content or attributes of a file are others now. The record
// has the attributes before the call, and its arguments the new ones.
func (d *deed) changed(w *way) {
	if !d.succeeded() {
		return
	}
	f := d.tellFile(w.kind, d.last(roleNormal), w.at)
	if f == nil || w.kind != events.KindFileAttributes {
		return
	}
	const privileges = unix.S_ISUID | unix.S_ISGID // which the kernel may take away by itself
	if w.acl || (w.mode != none || w.owner != none) && !d.call.hasArgs {
		f.HasMode = false
	}
	if !f.HasMode {
		return
	}
	if w.mode != none {
		f.Mode = uint16(d.call.args[w.mode] & 0o7777)
		f.HasMode = f.Mode&unix.S_ISGID == 0 || d.call.who.Known && d.call.who.FS.ID == 0
	}
	if w.owner != none {
		f.HasMode = f.Mode&privileges == 0
		if n, ok := d.newID(w.owner); ok {
			f.Owner = events.User{ID: n}
		}
		if n, ok := d.newID(w.owner + 1); ok {
			f.Group = events.Group{ID: n}
		}
	}
}

// newID is the id that an argument gives to a file, not ok if it leaves it as it is.
func (d *deed) newID(at argument) (n uint32, ok bool) {
	n = uint32(d.call.args[at])
	if d.call.bits32() && !strings.HasSuffix(d.call.name, "32") && d.call.name != "fchownat" { // ids of 16 bits
		n &= 0xffff
		return n, n != 0xffff
	}
	return n, n != events.Unset
}
