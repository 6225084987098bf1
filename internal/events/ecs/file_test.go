// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"fmt"
	"strings"
	"testing"

	"sensor/internal/events"
)

func TestPaths(t *testing.T) {
	for _, test := range []struct {
		path                       events.Path
		directory, name, extension string // "" if absent
	}{
		{events.Path{Name: "/etc/cron.d/x.sh"}, "/etc/cron.d", "x.sh", "sh"},
		{events.Path{Name: "/x"}, "/", "x", ""},
		{events.Path{Name: "/"}, "", "", ""},
		{events.Path{}, "", "", ""},
		{events.Path{Name: "/root/.bashrc"}, "/root", ".bashrc", ""},
		{events.Path{Name: "/root/.config.json"}, "/root", ".config.json", "json"},
		{events.Path{Name: "/root/..sh"}, "/root", "..sh", "sh"},
		{events.Path{Name: "/a.d/b"}, "/a.d", "b", ""},
		{events.Path{Name: "/a/b.tar.gz"}, "/a", "b.tar.gz", "gz"},
		{events.Path{Name: "/a/b."}, "/a", "b.", ""},
		{events.Path{Name: "/a/\\.\"\n"}, "/a", "\\.\"\n", "\"\n"},
		{events.Path{Name: "/a/é.\U0001f980"}, "/a", "é.\U0001f980", "\U0001f980"},
		// The front is missing: nobody knows what stands above.
		{events.Path{Name: "/x.sh", Cut: true}, "", "x.sh", "sh"},
		{events.Path{Name: "/b/x.sh", Cut: true}, "/b", "x.sh", "sh"},
		{events.Path{Name: "b/x.sh", Cut: true}, "b", "x.sh", "sh"},
		{events.Path{Name: "x.sh", Cut: true}, "", "x.sh", "sh"},
		{events.Path{Name: "/", Cut: true}, "", "", ""},
		{events.Path{Name: "/memfd:a.b", Detached: true}, "/", "memfd:a.b", "b"},
	} {
		ev := full(events.KindFileRename)
		ev.File.Path, ev.File.Original = test.path, test.path
		d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
		for path, want := range map[string]string{
			"file.path": test.path.Name, "file.directory": test.directory, "file.name": test.name, "file.extension": test.extension,
			"file.Ext.original.path": test.path.Name, "file.Ext.original.name": test.name, "file.Ext.original.extension": test.extension,
		} {
			if want == "" && d[path] == nil {
				continue
			}
			if got := d.one(t, path); got != want {
				t.Errorf("%q: %s = %q, want %q", test.path.Name, path, got, want)
			}
		}
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[uint16]string{
		0: "0000", 0o7: "0007", 0o644: "0644", 0o1777: "1777", 0o4755: "4755", 0o7777: "7777", 0o100644: "0644", 0xffff: "7777",
	} {
		ev := full(events.KindFileCreate)
		ev.File.Mode = mode
		if got := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev)).one(t, "file.mode"); got != want {
			t.Errorf("%o: file.mode = %s, want %s", mode, got, want)
		}
	}
}

func TestFileTypes(t *testing.T) {
	for kind, want := range map[events.FileType]string{
		events.FileTypeRegular: "file", events.FileTypeDirectory: "dir", events.FileTypeSymlink: "symlink",
	} {
		ev := full(events.KindFileCreate)
		ev.File.Type = kind
		if got := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev)).one(t, "file.type"); got != want {
			t.Errorf("file.type = %s, want %s", got, want)
		}
	}
}

// Zeros are answers where they are known: a file of root's that nobody may read,
// without a name and without a byte.
func TestEmptyFile(t *testing.T) {
	ev := full(events.KindFileWrite)
	f := ev.File
	f.Minor, f.Mode, f.Links, f.Owner, f.Group, f.Size = 0, 0, 0, events.User{}, events.Group{}, 0
	f.Writes = events.Writes{HasBytes: true, HasCount: true}
	d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
	for path, want := range map[string]string{
		"file.device": "254:0", "file.mode": "0000", "file.uid": "0", "file.gid": "0", "file.size": "0",
		"file.Ext.write.bytes": "0", "file.Ext.write.count": "0", "sensor.file.links": "0",
	} {
		if got := d.one(t, path); got != want {
			t.Errorf("%s = %s, want %s", path, got, want)
		}
	}
}

// Each mark stands for one thing.
func TestFileMarks(t *testing.T) {
	for path, mark := range map[string]func(*events.File){
		"sensor.file.summary":           func(f *events.File) { f.Summary = true },
		"sensor.file.exchanged":         func(f *events.File) { f.Exchanged = true },
		"sensor.file.replaced":          func(f *events.File) { f.Replaced = true },
		"sensor.file.cut":               func(f *events.File) { f.Path.Cut = true },
		"sensor.file.detached":          func(f *events.File) { f.Path.Detached = true },
		"sensor.file.deleted":           func(f *events.File) { f.Path.Deleted = true },
		"sensor.file.original.cut":      func(f *events.File) { f.Original.Cut = true },
		"sensor.file.original.detached": func(f *events.File) { f.Original.Detached = true },
		"sensor.file.original.deleted":  func(f *events.File) { f.Original.Deleted = true },
	} {
		ev := &events.Event{Kind: events.KindFileRename, Time: start, File: &events.File{}}
		mark(ev.File)
		var got []string
		d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
		for _, field := range d.paths() {
			if strings.HasPrefix(field, "sensor.file.") {
				got = append(got, field)
			}
		}
		if len(got) != 1 || got[0] != path || d.one(t, path) != "true" {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// Whatever a file is, its document says that, and nothing that is unknown.
func FuzzFile(f *testing.F) {
	f.Add(byte(0), "/etc/cron.d/x.sh", "", "", byte(1), uint64(256383), uint32(254), uint32(1), uint16(0o644), uint64(42), uint16(1))
	f.Add(byte(2), "/b.\xff", "/\xc3/\xa9.\xf0", "../\n", byte(3), uint64(0), uint32(0), uint32(7), uint16(0xffff), uint64(1<<64-1), uint16(0xffff))
	f.Add(byte(1), "x", ".", "\"", byte(9), uint64(1<<64-1), uint32(1<<32-1), uint32(0), uint16(0), uint64(0), uint16(0x33))
	f.Add(byte(3), "/", "//", "\x00", byte(2), uint64(1), uint32(0), uint32(0), uint16(0o1777), uint64(4096), uint16(0))
	kinds := []events.Kind{
		events.KindFileCreate, events.KindFileWrite, events.KindFileRename, events.KindFileDelete, events.KindFileAttributes,
	}
	e := NewEncoder(fullOptions())
	f.Fuzz(func(t *testing.T, kind byte, path, original, target string, typ byte, inode uint64, major, minor uint32, mode uint16, size uint64, flags uint16) {
		is := func(bit int) bool { return flags>>bit&1 != 0 }
		file := &events.File{
			Path:     events.Path{Name: path, Cut: is(0), Detached: is(1), Deleted: is(2)},
			Original: events.Path{Name: original, Cut: is(3), Detached: is(4), Deleted: is(5)},
			Target:   target, Type: events.FileType(typ), Inode: inode, Major: major, Minor: minor,
			Known: is(6), Mode: mode, Links: minor, Owner: events.User{ID: major, Name: target}, Group: events.Group{ID: minor},
			Size: size, Modified: start, Summary: is(7), Exchanged: is(8), Replaced: is(9),
			Writes: events.Writes{Bytes: size, Count: inode, HasBytes: is(10), HasCount: is(11)},
		}
		d := mustParse(t, e.Append(nil, &events.Event{Kind: kinds[int(kind)%len(kinds)], Time: start, File: file}))
		known := func(ok bool, v any) string {
			if !ok {
				return ""
			}
			return fmt.Sprint(v)
		}
		regular := file.Known && file.Type == events.FileTypeRegular
		for path, want := range map[string]string{
			"file.path": path, "file.Ext.original.path": original, "file.target_path": target,
			"file.inode":        known(inode != 0, inode),
			"file.device":       known(major != 0 || minor != 0, fmt.Sprintf("%d:%d", major, minor)),
			"file.mode":         known(file.Known, fmt.Sprintf("%04o", mode&0o7777)),
			"file.uid":          known(file.Known, major),
			"file.gid":          known(file.Known, minor),
			"file.owner":        known(file.Known, target),
			"file.size":         known(regular, size),
			"sensor.file.links": known(file.Known, minor),

			"file.Ext.write.bytes": known(file.Summary && file.Writes.HasBytes, size),
			"file.Ext.write.count": known(file.Summary && file.Writes.HasCount, inode),
		} {
			if want == "" && d[path] == nil {
				continue
			}
			if got := d.one(t, path); got != string([]rune(want)) {
				t.Errorf("%s = %q, want %q", path, got, want)
			}
		}
		// The parts make the whole again.
		text := func(field string) string {
			if d[field] == nil {
				return ""
			}
			return d.one(t, field)
		}
		whole, name, directory, ext := text("file.path"), text("file.name"), text("file.directory"), text("file.extension")
		if !strings.HasSuffix(whole, name) || !strings.HasPrefix(whole, directory) || !strings.HasSuffix(name, ext) || strings.ContainsAny(name, "/") {
			t.Errorf("%q has the parts %q, %q, %q", whole, directory, name, ext)
		}
		if directory != "" && whole != directory+"/"+name && whole != directory+name {
			t.Errorf("%q has the parts %q and %q", whole, directory, name)
		}
	})
}
