// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"slices"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// item is a PATH record: a name that a call was given, and what it stood for.
type item struct {
	number       uint32
	name         string // as the call was given it; relative names stay so
	role         role
	inode        uint64
	major, minor uint32
	known        bool // mode, owner and group are known
	mode         uint32
	owner, group uint32
	ownerName    string // as auditd has found it
	groupName    string
}

// role is a PATH record's nametype.
type role uint8

const (
	roleNone    role = iota // kernels before 3.10 do not tell
	roleNormal              // was there
	roleParent              // directory of another item
	roleDelete              // is there no more
	roleCreate              // is new
	roleUnknown             // stands for nothing, such as the target of a new symbolic link
)

func parseItem(r *auparse.AuditMessage, fault func(field, value string)) item {
	text, added := body(r)
	var i item
	for name, value, rest, more := cutField(text); more; name, value, rest, more = cutField(rest) {
		ok := true
		var n uint64
		switch name {
		case "item":
			i.number, ok = id(value)
		case "name":
			i.name, _ = untrusted(value)
		case "inode":
			i.inode, ok = number(value, 10, 64)
		case "dev":
			i.major, i.minor, ok = device(value)
		case "mode":
			n, ok = number(value, 8, 16)
			i.mode, i.known = uint32(n), ok
		case "ouid":
			i.owner, ok = id(value)
		case "ogid":
			i.group, ok = id(value)
		case "nametype", "objtype":
			i.role, ok = roleOf(value)
		}
		if !ok {
			fault(name, value)
			i.known = i.known && name != "ouid" && name != "ogid"
		}
	}
	for name, value, rest, more := cutField(added); more; name, value, rest, more = cutField(rest) {
		switch name {
		case "OUID":
			i.ownerName = nameOf(value)
		case "OGID":
			i.groupName = nameOf(value)
		}
	}
	return i
}

// device parses major:minor in hexadecimal digits.
func device(value string) (major, minor uint32, ok bool) {
	a, b, _ := strings.Cut(value, ":")
	ma, ok := number(a, 16, 32)
	mi, ok2 := number(b, 16, 32)
	return uint32(ma), uint32(mi), ok && ok2
}

func roleOf(value string) (role, bool) {
	switch value {
	case "NORMAL":
		return roleNormal, true
	case "PARENT":
		return roleParent, true
	case "DELETE":
		return roleDelete, true
	case "CREATE":
		return roleCreate, true
	case "UNKNOWN":
		return roleUnknown, true
	}
	return roleUnknown, false
}

func (d *deed) sortItems() {
	less := func(a, b item) int { return int(int64(a.number) - int64(b.number)) }
	if !slices.IsSortedFunc(d.items, less) {
		slices.SortStableFunc(d.items, less)
	}
}

// last is the last item with that role, or nil. Where the kernel does not tell
// roles it is the last item of all: the call's own files come behind their directories.
func (d *deed) last(r role) *item {
	for i := len(d.items) - 1; i >= 0; i-- {
		if d.items[i].role == r || d.items[i].role == roleNone {
			return &d.items[i]
		}
	}
	return nil
}

// kernelPath is a path that the kernel has found by itself (d_path), of which it
// says so at the end if the name was removed.
func kernelPath(value string) events.Path {
	name, ok := untrusted(value)
	if !ok || strings.HasPrefix(name, "<") { // <too_long>, <no_memory>
		return events.Path{}
	}
	p := events.Path{Name: name}
	if cut, ok := strings.CutSuffix(name, " (deleted)"); ok {
		p.Name, p.Deleted = cut, true
		p.Detached = strings.HasPrefix(cut, "/memfd:") // which never had a name
	}
	if cut, ok := strings.CutPrefix(p.Name, "(unreachable)"); ok {
		p.Name, p.Detached = cut, true
	}
	return p
}

// here is the value of an argument for a directory that stands for the current one (AT_FDCWD).
const here = 0xffffff9c

// resolve makes the name that a call was given a path. at is the argument that
// says what a relative name is relative to, or none for the current directory.
//
// Links on the way are not followed: nobody has told where they lead. So .. is
// taken away only behind the current directory, a path that has no links.
// What is relative to an open directory has no known front: the PARENT record
// of a name without a slash shows the current directory even then.
func (d *deed) resolve(name string, at argument) events.Path {
	switch {
	case name == "": // an open file, of which nobody has told the name
		return events.Path{}
	case name[0] == '/' && !d.inRoot:
		return events.Path{Name: join("/", name)}
	case d.inRoot, at != none && (!d.call.hasArgs || uint32(d.call.args[at]) != here), d.cwd.Name == "":
		return events.Path{Name: join("/", strings.TrimLeft(name, "/")), Cut: true}
	}
	p := d.cwd
	p.Name = join(p.Name, name)
	return p
}

// join puts a name behind a directory that is free of links. It takes away what
// changes nothing, and .. at the front of the name.
func join(directory, name string) string {
	if !strings.Contains(name, "//") && !strings.Contains(name, "./") && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, "/") {
		if strings.HasPrefix(name, "/") {
			return name
		}
		return strings.TrimSuffix(directory, "/") + "/" + name
	}
	path := []byte(strings.TrimSuffix(directory, "/"))
	free := len(path) // up to here there are no links
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == ".." && len(path) <= free:
			i := len(path)
			for i > 0 && path[i-1] != '/' {
				i--
			}
			path = path[:max(i-1, 0)]
			free = len(path)
		default:
			path = append(append(path, '/'), part...)
		}
	}
	if len(path) == 0 {
		return "/"
	}
	return string(path)
}
