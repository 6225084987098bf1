// SPDX-License-Identifier: Apache-2.0

package events

import (
	"syscall"
	"time"
	"unsafe"
)

// File is what happened to a file, a directory or a link.
type File struct {
	Path     Path     // as the process sees it
	Original Path     // rename: the path before
	Target   string   // of a symbolic link: where it points to; "" if unknown
	Type     FileType // zero if unknown

	Inode        uint64 // 0 if unknown
	Major, Minor uint32 // of the device that the file lies on; both 0 if unknown

	// What stat(2) says after the event, or before it for a deletion.
	Known             bool   // the fields below, down to Changed, are known
	HasMode           bool   // Mode, Owner and Group are, also where Known is false
	Mode              uint16 // permissions with setuid, setgid and sticky, without the type
	Links             uint32
	Owner             User
	Group             Group
	Size              uint64
	Modified, Changed time.Time // mtime and ctime

	Hashes  []Hash // of the content, where they are asked for
	Offline bool   // file_integrity: it happened while the sensor was off, or could not see

	Writes    Writes // file_write: since the last event of this file
	Summary   bool   // file_write: it sums up, and is not the first write
	Exchanged bool   // file_rename: both paths were there and have changed places
	Replaced  bool   // file_rename: what had the name before is gone
}

// memory is a rough count of the bytes that the file keeps in memory. Names of
// users are shared.
func (f *File) memory() int {
	return int(unsafe.Sizeof(*f)) + len(f.Path.Name) + len(f.Original.Name) + len(f.Target) + len(f.Hashes)*hashMemory
}

// hashMemory is what a hash takes: 64 bytes as hexadecimal digits, and the structure.
const hashMemory = 160

// Hash of a file's content.
type Hash struct {
	Algorithm string // md5, sha256, blake2b_256, as in file.hash
	Hex       string // in lower case
}

// Writes counts what was written to a file.
type Writes struct {
	Bytes, Count       uint64
	HasBytes, HasCount bool // which of them are known
}

// FileType is what kind of thing a name stands for.
type FileType uint8

// The zero FileType is left out of the document: unknown.
const (
	FileTypeUnknown FileType = iota
	FileTypeRegular
	FileTypeDirectory
	FileTypeSymlink
)

func (t FileType) String() string {
	switch t {
	case FileTypeRegular:
		return "file"
	case FileTypeDirectory:
		return "dir"
	case FileTypeSymlink:
		return "symlink"
	}
	return ""
}

// FileTypeOf is the type in a mode as stat(2) gives it.
func FileTypeOf(mode uint32) FileType {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return FileTypeRegular
	case syscall.S_IFDIR:
		return FileTypeDirectory
	case syscall.S_IFLNK:
		return FileTypeSymlink
	}
	return FileTypeUnknown
}
