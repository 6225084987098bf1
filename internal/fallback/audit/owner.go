// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// An owner is a process that has added rules or changed settings. Its text is
// the key of its rules, by which they can be told from others, and from those
// of a process that had the same pid.
type owner struct {
	pid   int
	ticks uint64 // when it started, as /proc/PID/stat has it
}

const keyPrefix = "sensor-"

var errEnded = errors.New("has ended")

func (o owner) String() string { return fmt.Sprintf("%s%d-%d", keyPrefix, o.pid, o.ticks) }

// parseOwner reads a rule's last key; ok is false if it is not of a sensor.
func parseOwner(key string) (o owner, ok bool) {
	text, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		return owner{}, false
	}
	pid, ticks, _ := strings.Cut(text, "-")
	var errPID, errTicks error
	o.pid, errPID = strconv.Atoi(pid)
	o.ticks, errTicks = strconv.ParseUint(ticks, 10, 64)
	return o, errPID == nil && errTicks == nil && o.pid > 0 && o.String() == key
}

// self is this process.
func self() (owner, error) {
	ticks, err := startTicks(os.Getpid())
	return owner{os.Getpid(), ticks}, err
}

// lives reports whether the process is still there.
func (o owner) lives() bool {
	ticks, err := startTicks(o.pid)
	return err == nil && ticks == o.ticks
}

func startTicks(pid int) (uint64, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may hold any of what follows.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, starttime = 3, 22 // as proc(5) counts
	if len(fields) <= starttime-state {
		return 0, fmt.Errorf("parse /proc/%d/stat: %d fields", pid, len(fields))
	}
	if fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0, fmt.Errorf("process %d: %w", pid, errEnded)
	}
	return strconv.ParseUint(string(fields[starttime-state]), 10, 64)
}
