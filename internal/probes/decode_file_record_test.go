// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const fileSize = int(unsafe.Sizeof(fileRecord{}))

// A fileInput is a record before it is put together as the programs do it.
type fileInput struct {
	fileRecord
	tails [fileTailTAILS][]byte
}

// encode puts the record together, with the lengths that belong to it.
func (in fileInput) encode() []byte {
	length := fileSize
	for i, tail := range in.tails {
		in.Tails[i] = uint16(len(tail))
		length += len(tail)
	}
	in.Header.Length = uint32(length)
	return in.encodeAsItIs()
}

// encodeAsItIs leaves the lengths alone.
func (in fileInput) encodeAsItIs() []byte {
	fixed := unsafe.Slice((*byte)(unsafe.Pointer(&in.fileRecord)), fileSize)
	return slices.Concat(append([][]byte{fixed}, in.tails[:]...)...)
}

// fullFile has another value in each field, and everything that a program of
// the kind sends. A write is the first one.
func fullFile(kind events.Kind) fileInput {
	var in fileInput
	r := &in.fileRecord
	h := &r.Header
	h.Time, h.Sequence, h.Start, h.ExecId, h.CgroupId = 9_120_000_001, 42, 5_000_000_002, 3, 4004
	h.Tgid, h.Tid, h.Euid, h.Egid = 4242, 4243, 998, 999
	h.Kind, h.Slot, h.Cpu = uint16(kind), 7, 7
	h.Comm = comm("curl-thread")
	r.Stat = fileStat{
		Inode: 123_456, Size: 1001, Modified: 1_795_453_201, ModifiedNs: 21, Changed: 1_795_453_202, ChangedNs: 22,
		Device: 8<<20 | 3, Generation: 77, Links: 2, Uid: 1001, Gid: 2001, Mode: unix.S_IFREG | 0o4755,
	}
	r.Flags = uint16(fileFlagFLAG_STAT)
	r.PathMarks = uint8(processPathMarkPATH_KNOWN)
	in.tails[fileTailTAIL_PATH] = []byte("new\x00dir\x00home\x00")
	switch kind {
	case events.KindFileRename:
		r.OriginalMarks = uint8(processPathMarkPATH_KNOWN)
		in.tails[fileTailTAIL_ORIGINAL] = []byte("old\x00tmp\x00")
	case events.KindFileDelete:
		r.PathMarks |= uint8(processPathMarkPATH_DELETED)
		r.Stat.Links = 1
	}
	return in
}

// summary makes a record of a write one that sums up.
func (in *fileInput) summary(bytes, count uint64) {
	in.Flags |= uint16(fileFlagFLAG_SUMMARY | fileFlagFLAG_BYTES | fileFlagFLAG_COUNT)
	in.Since, in.Bytes, in.Count = in.Header.Time-1_000_000_000, bytes, count
}
