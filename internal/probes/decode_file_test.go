// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

func TestDecodeFileGolden(t *testing.T) {
	type test struct {
		kind   events.Kind
		change func(in *fileInput)
	}
	tests := map[string]test{
		"file_create_symlink": {events.KindFileCreate, func(in *fileInput) {
			in.Stat.Mode = unix.S_IFLNK | 0o777
			in.tails[fileTailTAIL_TARGET] = []byte("../etc/passwd\x00")
		}},
		"file_create_directory": {events.KindFileCreate, func(in *fileInput) { in.Stat.Mode = unix.S_IFDIR | 0o1777 }},
		"file_write_summary":    {events.KindFileWrite, func(in *fileInput) { in.summary(3003, 4) }},
		"file_write_mapped": {events.KindFileWrite, func(in *fileInput) {
			in.summary(0, 1)
			in.Flags &^= uint16(fileFlagFLAG_BYTES)
		}},
		"file_rename_exchanged": {events.KindFileRename, func(in *fileInput) { in.Flags |= uint16(fileFlagFLAG_EXCHANGED) }},
		"file_rename_replaced":  {events.KindFileRename, func(in *fileInput) { in.Flags |= uint16(fileFlagFLAG_REPLACED) }},
	}
	for _, kind := range kindsOf("file") {
		tests[kind.String()] = test{kind, func(*fileInput) {}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := fullFile(test.kind)
			test.change(&in)
			e, h, err := decodeFile(in.encode(), testClock, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := (header{sequence: 42, kind: test.kind, slot: 7}); h != want {
				t.Errorf("header %+v, want %+v", h, want)
			}
			checkGolden(t, name, e)
		})
	}
}

func TestDecodeFileTruncated(t *testing.T) {
	for _, kind := range kindsOf("file") {
		raw := fullFile(kind).encode()
		for n := range raw {
			mustFail(t, decodeFile, "cut", raw[:n:n])
			if n >= lengthOffset+4 {
				honest := bytes.Clone(raw[:n])
				*(*uint32)(unsafe.Pointer(&honest[lengthOffset])) = uint32(n)
				mustFail(t, decodeFile, "cut, with its length set right", honest)
			}
		}
		long := append(bytes.Clone(raw), 0)
		mustFail(t, decodeFile, "longer", long)
		*(*uint32)(unsafe.Pointer(&long[lengthOffset])) = uint32(len(long))
		mustFail(t, decodeFile, "longer, with its length set right", long)
	}
}

func TestDecodeFileWrongRecord(t *testing.T) {
	whole := fullFile(events.KindFileRename)
	length := uint32(len(whole.encode()))
	tests := map[string]func(in *fileInput){
		"length 0":                  func(in *fileInput) { in.Header.Length = 0 },
		"length of the fixed part":  func(in *fileInput) { in.Header.Length = uint32(fileSize) },
		"length one less":           func(in *fileInput) { in.Header.Length-- },
		"length one more":           func(in *fileInput) { in.Header.Length++ },
		"largest length":            func(in *fileInput) { in.Header.Length = math.MaxUint32 },
		"first tail beyond the end": func(in *fileInput) { in.Tails[0] = uint16(length) },
		"last tail beyond the end":  func(in *fileInput) { in.Tails[len(in.Tails)-1]++ },
		"tails whose sum overflows": func(in *fileInput) { in.Tails[3], in.Tails[4] = 1<<15, 1<<15 },
		"all tails largest": func(in *fileInput) {
			in.Tails = [fileTailTAILS]uint16(slices.Repeat([]uint16{math.MaxUint16}, int(fileTailTAILS)))
		},
		"bytes after the last tail":    func(in *fileInput) { in.Tails[fileTailTAIL_ORIGINAL]-- },
		"no tail, but bytes of them":   func(in *fileInput) { in.Tails = [fileTailTAILS]uint16{} },
		"no kind":                      func(in *fileInput) { in.Header.Kind = 0 },
		"kind of another family":       func(in *fileInput) { in.Header.Kind = uint16(events.KindExec) },
		"kind of user space":           func(in *fileInput) { in.Header.Kind = uint16(events.KindEventsLost) },
		"kind that is one in a byte":   func(in *fileInput) { in.Header.Kind += 256 },
		"kind that is none, but count": func(in *fileInput) { in.Header.Kind = uint16(processKindKINDS_MAX) - 1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			in := fullFile(events.KindFileRename)
			for i, tail := range in.tails {
				in.Tails[i] = uint16(len(tail))
			}
			in.Header.Length = length
			change(&in)
			mustFail(t, decodeFile, name, in.encodeAsItIs())
		})
	}
}

func TestDecodeFileDetails(t *testing.T) {
	const known = uint8(processPathMarkPATH_KNOWN)
	mode := func(mode uint32) func(in *fileInput) { return func(in *fileInput) { in.Stat.Mode = mode } }
	flags := func(flags fileFlag) func(in *fileInput) { return func(in *fileInput) { in.Flags = uint16(flags) } }
	fileType := func(e *events.Event) any { return e.File.Type }
	tests := map[string]struct {
		kind   events.Kind
		change func(in *fileInput)
		get    func(e *events.Event) any
		want   any
	}{
		"a regular file":  {events.KindFileCreate, mode(unix.S_IFREG), fileType, events.FileTypeRegular},
		"a directory":     {events.KindFileCreate, mode(unix.S_IFDIR), fileType, events.FileTypeDirectory},
		"a symbolic link": {events.KindFileCreate, mode(unix.S_IFLNK), fileType, events.FileTypeSymlink},
		"a FIFO is of no kind that the programs tell": {events.KindFileCreate, mode(unix.S_IFIFO | 0o600),
			func(e *events.Event) any { return [2]any{e.File.Type, e.File.Known} }, [2]any{events.FileTypeUnknown, false}},
		"nothing of stat": {events.KindFileCreate, func(in *fileInput) { in.Stat = fileStat{} },
			func(e *events.Event) any { return *e.File }, events.File{Path: events.Path{Name: "/home/dir/new"}}},
		"all permissions": {events.KindFileAttributes, mode(unix.S_IFREG | 0o7777),
			func(e *events.Event) any { return e.File.Mode }, uint16(0o7777)},
		"the largest device": {events.KindFileCreate, func(in *fileInput) { in.Stat.Device = math.MaxUint32 },
			func(e *events.Event) any { return [2]uint32{e.File.Major, e.File.Minor} }, [2]uint32{1<<12 - 1, 1<<20 - 1}},
		"a time before 1970": {events.KindFileAttributes, func(in *fileInput) { in.Stat.Modified = -1 },
			func(e *events.Event) any { return e.File.Modified }, time.Unix(-1, 21).UTC()},
		"a link's target ends at its NUL": {events.KindFileCreate, func(in *fileInput) { in.tails[fileTailTAIL_TARGET] = []byte("a\x00b") },
			func(e *events.Event) any { return e.File.Target }, "a"},
		"an empty path": {events.KindFileCreate, func(in *fileInput) { in.PathMarks = 0 },
			func(e *events.Event) any { return e.File.Path }, events.Path{}},
		"a path that was cut, below another root": {events.KindFileCreate,
			func(in *fileInput) {
				in.PathMarks = known | uint8(processPathMarkPATH_CUT|processPathMarkPATH_DETACHED)
			},
			func(e *events.Event) any { return e.File.Path }, events.Path{Name: "/home/dir/new", Cut: true, Detached: true}},
		"the marks of a path are not the other's": {events.KindFileRename,
			func(in *fileInput) { in.OriginalMarks |= uint8(processPathMarkPATH_CUT) },
			func(e *events.Event) any { return [2]bool{e.File.Path.Cut, e.File.Original.Cut} }, [2]bool{false, true}},
		"what was deleted is not said to be so": {events.KindFileDelete, func(*fileInput) {},
			func(e *events.Event) any { return e.File.Path.Deleted }, false},
		"what is written after its deletion is": {events.KindFileWrite, func(in *fileInput) { in.PathMarks |= uint8(processPathMarkPATH_DELETED) },
			func(e *events.Event) any { return e.File.Path.Deleted }, true},
		"the first write says no number": {events.KindFileWrite, func(*fileInput) {},
			func(e *events.Event) any { return e.File.Writes }, events.Writes{}},
		"bytes without a number of writes": {events.KindFileWrite,
			func(in *fileInput) { in.summary(5, 6); in.Flags &^= uint16(fileFlagFLAG_COUNT) },
			func(e *events.Event) any { return e.File.Writes.HasBytes && !e.File.Writes.HasCount }, true},
		"only a write sums up": {events.KindFileAttributes, flags(^fileFlag(0)),
			func(e *events.Event) any { return [3]bool{e.File.Summary, e.File.Exchanged, e.File.Replaced} }, [3]bool{}},
		"the longest paths": {events.KindFileRename,
			func(in *fileInput) {
				in.tails[fileTailTAIL_PATH] = []byte(strings.Repeat("x\x00", 1<<11))
				in.tails[fileTailTAIL_ORIGINAL] = []byte(strings.Repeat("yyy\x00", 1<<10))
			},
			func(e *events.Event) any { return [2]string{e.File.Path.Name, e.File.Original.Name} },
			[2]string{strings.Repeat("/x", 1<<11), strings.Repeat("/yyy", 1<<10)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := fullFile(test.kind)
			test.change(&in)
			e, _, err := decodeFile(in.encode(), testClock, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := test.get(e); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestSaidPath(t *testing.T) {
	kernel := events.Path{Name: "/mnt/a/file", Deleted: true}
	dir := events.Path{Name: "/mnt/a", Cut: true}
	base := events.Path{Name: "/srv"}
	tests := map[string]struct {
		kernel events.Path
		named  bool
		said   string
		base   events.Path
		want   events.Path
	}{
		"nothing was said":           {kernel, false, "", base, kernel},
		"absolute":                   {kernel, false, "/srv/a/file\x00", base, events.Path{Name: "/srv/a/file"}},
		"relative":                   {kernel, false, "a/file\x00", base, events.Path{Name: "/srv/a/file"}},
		"below the root":             {kernel, false, "file", events.Path{Name: "/"}, events.Path{Name: "/file"}},
		"no base":                    {kernel, false, "a/file", events.Path{}, kernel},
		"a base that is cut":         {kernel, false, "a/file", events.Path{Name: "/srv", Cut: true}, kernel},
		"a base in no mount":         {kernel, false, "a/file", events.Path{Name: "/srv", Detached: true}, kernel},
		"another name":               {kernel, false, "/srv/a/link", base, kernel},
		"changed behind the call":    {kernel, false, "/etc/passwd", base, kernel},
		"with turns":                 {kernel, false, "/srv/b/../a/file", base, kernel},
		"upwards":                    {kernel, false, "../a/file", base, kernel},
		"a slash at the end":         {kernel, false, "/srv/a/file/", base, kernel},
		"the root":                   {kernel, false, "/", base, kernel},
		"the directory itself":       {kernel, false, ".", base, kernel},
		"the one above":              {kernel, false, "..", base, kernel},
		"the kernel knows nothing":   {events.Path{}, false, "/srv/a/file", base, events.Path{}},
		"named":                      {dir, true, "file\x00", base, events.Path{Name: "/mnt/a/file", Cut: true}},
		"named, with directories":    {dir, true, "../x/../file", base, events.Path{Name: "/mnt/a/file", Cut: true}},
		"named, a slash at the end":  {dir, true, "x/file/", base, events.Path{Name: "/mnt/a/file", Cut: true}},
		"named in the root":          {events.Path{Name: "/"}, true, "file", base, events.Path{Name: "/file"}},
		"named, but unreadable":      {dir, true, "", base, events.Path{}},
		"named, but no name":         {dir, true, "x/..", base, events.Path{}},
		"named in what is not known": {events.Path{}, true, "file", base, events.Path{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := saidPath(test.kernel, test.named, []byte(test.said), test.base); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func BenchmarkDecodeFile(b *testing.B) {
	for _, kind := range kindsOf("file") {
		raw := fullFile(kind).encode()
		b.Run(kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := decodeFile(raw, testClock, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
