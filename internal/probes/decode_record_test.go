// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/binary"
	"slices"
	"time"
	"unsafe"

	"sensor/internal/clock"
	"sensor/internal/events"
)

const recordSize = int(unsafe.Sizeof(processRecord{}))

// testClock stands at 2026-11-23T17:00:00Z at boot.
var (
	standing  = clock.At(time.Unix(1795453200, 0))
	testClock = &standing
)

// A processInput is a record before it is put together as the programs do it.
type processInput struct {
	processRecord
	tails [processTailTAILS_MAX][]byte
}

// encode puts the record together, with the lengths that belong to it.
func (in processInput) encode() []byte {
	length := recordSize
	for i, tail := range in.tails {
		in.Tails[i] = uint32(len(tail))
		length += len(tail)
	}
	in.Header.Length = uint32(length)
	return in.encodeAsItIs()
}

// encodeAsItIs leaves the lengths alone.
func (in processInput) encodeAsItIs() []byte {
	fixed := unsafe.Slice((*byte)(unsafe.Pointer(&in.processRecord)), recordSize)
	return slices.Concat(append([][]byte{fixed}, in.tails[:]...)...)
}

// fullRecord has another value in each field, and everything that a program of
// the kind sends.
func fullRecord(kind events.Kind) processInput {
	var in processInput
	r := &in.processRecord
	h := &r.Header
	h.Time, h.Sequence, h.Start, h.ExecId, h.CgroupId = 5_120_000_001, 42, 5_000_000_002, 3, 4004
	h.Tgid, h.Tid, h.Euid, h.Egid = 4242, 4243, 998, 999 // 998 and 999: the record's own count
	h.Kind, h.Slot, h.Cpu = uint16(kind), 7, 6
	h.Comm = comm("curl-thread")
	r.ParentStart, r.CreatorStart = 100_000_003, 200_000_004
	r.CapInheritable, r.CapPermitted, r.CapEffective, r.CapBounding, r.CapAmbient = 1<<1, 1<<2, 1<<3, 1<<4, 1<<5
	r.ParentTgid, r.Pgid, r.Sid, r.Vpid = 4101, 4103, 4104, 12
	r.Uid, r.Euid, r.Suid, r.Fsuid = 1001, 1002, 1003, 1004
	r.Gid, r.Egid, r.Sgid, r.Fsgid = 2001, 2002, 2003, 2004
	r.Loginuid, r.Sessionid = 3001, 3002
	r.TtyMajor, r.TtyMinor = 136, 9
	r.NsMnt, r.NsPid, r.NsNet, r.NsUser, r.NsUts, r.NsIpc, r.NsCgroup, r.NsTime = 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008
	r.Flags = uint32(processFlagFLAG_TTY)
	const known = uint8(processPathMarkPATH_KNOWN)
	r.ExecutableMarks, r.WorkingDirectoryMarks, r.CgroupMarks = known|uint8(processPathMarkPATH_DELETED), known, known
	in.tails[processTailTAIL_EXECUTABLE] = []byte("curl\x00bin\x00usr\x00")
	in.tails[processTailTAIL_WORKING_DIRECTORY] = []byte("alice\x00home\x00")
	in.tails[processTailTAIL_CGROUP] = []byte("cron.service\x00system.slice\x00")
	in.tails[processTailTAIL_GROUPS] = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 27), 1<<31)
	switch kind {
	case events.KindExec:
		r.Argc, r.ArgsSize = 3, 30
		in.tails[processTailTAIL_FILENAME] = []byte("./get\x00")
		in.tails[processTailTAIL_INTERPRETER] = []byte("/usr/bin/curl\x00")
		in.tails[processTailTAIL_ARGS] = []byte("curl\x00-fsS\x00http://198.51.100.7/a\x00")
		in.tails[processTailTAIL_ENV] = []byte("HOME=/home/alice\x00LD_PRELOAD=/tmp/x.so\x00PATH=/bin\x00")
	case events.KindFork:
		r.CreatorTgid = 4102
	case events.KindExit:
		r.ExitCode = 0x80 | 11
	case events.KindExecFailed:
		r.ExitCode = 2
		r.Flags |= uint32(processFlagFLAG_ARGS_CUT)
		in.tails[processTailTAIL_FILENAME] = []byte("/usr/local/bin/wget\x00")
		in.tails[processTailTAIL_ARGS] = []byte("wget\x00-q\x00")
	}
	return in
}

func comm(name string) (c [16]int8) {
	for i := range min(len(name), len(c)) {
		c[i] = int8(name[i])
	}
	return c
}

// kindsOf are the kinds of a category, whose records one decoder takes.
func kindsOf(category string) []events.Kind {
	var kinds []events.Kind
	for _, row := range kindRows() {
		if row.kind.Traits().Category == category {
			kinds = append(kinds, row.kind)
		}
	}
	return kinds
}
