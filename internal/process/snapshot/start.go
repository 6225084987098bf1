// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Start is when a process started, by its tgid, in ns since boot: a multiple of
// 10 ms, as StartKey of [Reader.Process] is. It reads one file, and that of a
// process that has ended too until somebody waits for it. The error wraps
// [ErrGone] if there is no such process, or the number is a thread's.
func (r *Reader) Start(pid uint32) (ns uint64, err error) {
	life, err := r.Life(pid)
	return life.Start, err
}

// Life says whether a process lives, as far as one read can tell.
type Life struct {
	Start       uint64 // as [Reader.Start] gives it
	Threads     int    // that there are, with a leader that has ended
	LeaderEnded bool   // the first thread ends or has ended, whether the others live or not
}

// Life looks at a process by its tgid. It fails as [Reader.Start] does.
func (r *Reader) Life(pid uint32) (Life, error) {
	l, err := r.lookOnce(pid)
	// A thread that executes a program takes the place of its leader, which is
	// gone then and no leader any more, but not the process.
	if errors.Is(err, errReplaced) {
		l, err = r.lookOnce(pid)
	}
	return l, err
}

// errReplaced is ErrGone where another task may have the pid by now.
var errReplaced = fmt.Errorf("the task was released or is a thread: %w", ErrGone)

func (r *Reader) lookOnce(pid uint32) (Life, error) {
	var buffer [1024]byte // a stat file has some 50 numbers and a name of at most 64 bytes
	n, err := readInto(filepath.Join(r.dir(pid), "stat"), buffer[:])
	switch {
	case errors.Is(err, unix.ESRCH):
		return Life{}, fmt.Errorf("read stat of process %d: %w", pid, errReplaced)
	case isGone(err):
		return Life{}, fmt.Errorf("read stat of process %d: %w", pid, ErrGone)
	case err != nil:
		return Life{}, fmt.Errorf("read stat of process %d: %w", pid, err)
	}
	l, ticks, thread, err := parseLife(buffer[:n])
	if err != nil {
		return Life{}, fmt.Errorf("parse stat of process %d: %w", pid, err)
	}
	if thread || l.Threads == 0 {
		return Life{}, fmt.Errorf("read stat of process %d: %w", pid, errReplaced)
	}
	var ok bool
	if l.Start, ok = r.start(ticks); !ok {
		return Life{}, fmt.Errorf("read stat of process %d: it started before its time namespace's boot", pid)
	}
	return l, nil
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
	stateField      = 0 // 3
	flagsField      = 9 - 3
	threadsField    = 20 - 3
	startField      = 22 - 3
	exitSignalField = 38 - 3
)

// parseLife finds all but the start, which comes in ticks. thread is whether it
// is no group leader: that has no signal to send at its end.
func parseLife(stat []byte) (l Life, ticks uint64, thread bool, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= exitSignalField {
		return Life{}, 0, false, errors.New("fields are missing")
	}
	number := func(i int) uint64 {
		n, failed := strconv.ParseUint(string(fields[i]), 10, 64)
		err = cmp.Or(err, failed)
		return n
	}
	flags := number(flagsField)
	l.Threads, ticks = int(min(number(threadsField), math.MaxInt32)), number(startField)
	if err != nil {
		return Life{}, 0, false, err
	}
	state := string(fields[stateField])
	l.LeaderEnded = state == "Z" || state == "X" || flags&pfExiting != 0
	return l, ticks, string(fields[exitSignalField]) == "-1", nil
}
