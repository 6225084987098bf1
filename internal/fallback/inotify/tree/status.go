// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// Status is what stat(2) says. Mode is zero if nothing is known.
type Status struct {
	Inode             uint64
	Size              uint64
	Modified, Changed int64  // mtime and ctime, ns since 1970
	Device            uint32 // major<<20 | minor, as in the kernel
	Mode              uint32 // with the type
	Links, UID, GID   uint32
}

// Stat reads the status of a path. It follows no link at the end.
func Stat(path string) (Status, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return Status{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return statusOf(&st), nil
}

// StatAt reads the status of a name in an open directory.
func StatAt(directory int, name string) (Status, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(directory, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Status{}, fmt.Errorf("stat %s: %w", name, err)
	}
	return statusOf(&st), nil
}

// StatOpen reads the status of an open file.
func StatOpen(fd int) (Status, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Status{}, fmt.Errorf("stat: %w", err)
	}
	return statusOf(&st), nil
}

func statusOf(st *unix.Stat_t) Status {
	return Status{
		Inode:    st.Ino,
		Size:     uint64(st.Size),
		Modified: st.Mtim.Nano(),
		Changed:  st.Ctim.Nano(),
		Device:   unix.Major(st.Dev)<<20 | unix.Minor(st.Dev),
		Mode:     st.Mode,
		Links:    uint32(st.Nlink),
		UID:      st.Uid,
		GID:      st.Gid,
	}
}

// Same reports whether both are of the same file, not only of the same name.
func (s Status) Same(other Status) bool {
	return s.Inode == other.Inode && s.Device == other.Device && s.Mode&unix.S_IFMT == other.Mode&unix.S_IFMT
}

// Untouched reports whether nothing says that the content has changed.
func (s Status) Untouched(other Status) bool {
	return s.Size == other.Size && s.Modified == other.Modified
}

// SameRights reports whether permissions and owners are the same.
func (s Status) SameRights(other Status) bool {
	return s.Mode == other.Mode && s.UID == other.UID && s.GID == other.GID
}

// Type is what kind of thing it is; unknown for all but files, directories and links.
func (s Status) Type() events.FileType { return events.FileTypeOf(s.Mode) }

// Permissions are the mode without the type.
func (s Status) Permissions() uint16 { return uint16(s.Mode &^ unix.S_IFMT) }
