// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"path"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/clock"
	"sensor/internal/events"
)

// decodeFile turns a record of the file family into an event. It is a pure
// function of its arguments; the event holds no reference to raw.
func decodeFile(raw []byte, clock *clock.Clock, _ []string) (*events.Event, header, error) {
	r, rest, err := record[fileRecord](raw)
	if err != nil {
		return nil, header{}, err
	}
	h := header{sequence: r.Header.Sequence, kind: kindOf(r.Header.Kind), slot: uint32(r.Header.Slot)}
	if int(r.Header.Length) != len(raw) {
		return nil, h, fmt.Errorf("decode file record: it says %d bytes, there are %d", r.Header.Length, len(raw))
	}
	var tails [fileTailTAILS][]byte
	for i, length := range r.Tails {
		if int(length) > len(rest) {
			return nil, h, fmt.Errorf("decode file record: tail %d of %d bytes, %d are left", i, length, len(rest))
		}
		tails[i], rest = rest[:length], rest[length:]
	}
	if len(rest) > 0 {
		return nil, h, fmt.Errorf("decode file record: %d bytes too many", len(rest))
	}
	f := &events.File{
		Path:     pathOf(tails[fileTailTAIL_PATH], r.PathMarks),
		Original: pathOf(tails[fileTailTAIL_ORIGINAL], r.OriginalMarks),
		Target:   cString(tails[fileTailTAIL_TARGET]),
	}
	fillStat(f, &r.Stat)
	flags := fileFlag(r.Flags)
	named := flags&fileFlagFLAG_NAMED != 0
	f.Path = saidPath(f.Path, named, tails[fileTailTAIL_SAID], pathOf(tails[fileTailTAIL_BASE], r.BaseMarks))
	f.Original = saidPath(f.Original, named, tails[fileTailTAIL_ORIGINAL_SAID], pathOf(tails[fileTailTAIL_ORIGINAL_BASE], r.OriginalBaseMarks))
	e := &events.Event{
		Kind:    h.kind,
		Time:    clock.Wall(r.Header.Time),
		Outcome: events.OutcomeSuccess,
		Process: actorOf((*networkHeader)(unsafe.Pointer(&r.Header)), clock),
		File:    f,
	}
	switch h.kind {
	case events.KindFileCreate, events.KindFileAttributes:
	case events.KindFileDelete:
		f.Path.Deleted = false // of course
	case events.KindFileRename:
		f.Exchanged, f.Replaced = flags&fileFlagFLAG_EXCHANGED != 0, flags&fileFlagFLAG_REPLACED != 0
	case events.KindFileWrite:
		f.Summary = flags&fileFlagFLAG_SUMMARY != 0
		f.Writes = events.Writes{
			Bytes: r.Bytes, HasBytes: flags&fileFlagFLAG_BYTES != 0,
			Count: r.Count, HasCount: flags&fileFlagFLAG_COUNT != 0,
		}
	default:
		return nil, h, fmt.Errorf("decode file record: unknown kind %d", r.Header.Kind)
	}
	return e, h, nil
}

// fillStat enters what stat(2) says.
func fillStat(f *events.File, st *fileStat) {
	f.Type = events.FileTypeOf(st.Mode)
	if f.Type == events.FileTypeUnknown {
		return
	}
	f.Inode = st.Inode
	f.Major, f.Minor = st.Device>>20, st.Device&(1<<20-1) // as the kernel has it inside
	f.Known = true
	f.Mode = uint16(st.Mode &^ unix.S_IFMT)
	f.Links = st.Links
	f.Owner, f.Group = events.User{ID: st.Uid}, events.Group{ID: st.Gid}
	f.Size = st.Size
	f.Modified = time.Unix(st.Modified, int64(st.ModifiedNs)).UTC()
	f.Changed = time.Unix(st.Changed, int64(st.ChangedNs)).UTC()
}

// saidPath chooses between a path of the kernel's and what the process called it,
// which is relative to base. That is given only where several mounts show the
// file, so that the kernel's path may go through another one; and believed only if
// it is without turns and ends in the same name. Where the kernel's path is that
// of the directory alone (named), the name in it is taken from what was said, and
// without that nothing is known.
func saidPath(kernel events.Path, named bool, tail []byte, base events.Path) events.Path {
	said := cString(tail)
	if named {
		name := path.Base(said) // also of what ends in a slash
		if kernel.Name == "" || name == "." || name == ".." || name == "/" {
			return events.Path{} // that of the directory is not the file's
		}
		kernel.Name = path.Join(kernel.Name, name)
		return kernel
	}
	if said == "" || path.Clean(said) != said || said == "." || path.Base(said) == ".." || said == "/" {
		return kernel
	}
	// A path through /proc/PID/root is true of any file, and says nothing.
	if path.Base(said) != kernel.Base() || strings.HasPrefix(said, "..") || strings.HasPrefix(said, "/proc/") {
		return kernel
	}
	switch {
	case said[0] == '/':
		return events.Path{Name: said}
	case base.Name != "" && !base.Cut && !base.Detached:
		return events.Path{Name: path.Join(base.Name, said)}
	}
	return kernel
}
