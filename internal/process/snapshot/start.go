// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Start is when a process started, by its tgid, in ns since boot: a multiple of
// 10 ms, as StartKey of [Reader.Process] is. It reads one file, and that of a
// process that has ended too until somebody waits for it. The error wraps
// [ErrGone] if there is no such process, or the number is a thread's.
func (r *Reader) Start(pid uint32) (ns uint64, err error) {
	var buffer [1024]byte // a stat file has some 50 numbers and a name of at most 64 bytes
	n, err := readInto(filepath.Join(r.dir(pid), "stat"), buffer[:])
	if isGone(err) {
		return 0, fmt.Errorf("read stat of process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return 0, fmt.Errorf("read stat of process %d: %w", pid, err)
	}
	ticks, thread, err := parseStart(buffer[:n])
	if err != nil {
		return 0, fmt.Errorf("parse stat of process %d: %w", pid, err)
	}
	if thread {
		return 0, fmt.Errorf("read stat of process %d: it is a thread: %w", pid, ErrGone)
	}
	ns, ok := r.start(ticks)
	if !ok {
		return 0, fmt.Errorf("read stat of process %d: it started before its time namespace's boot", pid)
	}
	return ns, nil
}

// readInto reads once: a file of /proc gives all that it has if there is room.
func readInto(name string, buffer []byte) (n int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Read(buffer)
}

// Fields of a stat file after the name, which is in parentheses; numbers as in proc_pid_stat(5).
const (
	startField      = 22 - 3
	exitSignalField = 38 - 3
)

// parseStart finds the start time in ticks. thread is whether it is no group
// leader: that has no signal to send at its end.
func parseStart(stat []byte) (ticks uint64, thread bool, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= exitSignalField {
		return 0, false, errors.New("fields are missing")
	}
	ticks, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("parse start time: %w", err)
	}
	return ticks, string(fields[exitSignalField]) == "-1", nil
}
