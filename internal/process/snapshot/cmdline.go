// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"path/filepath"
	"strings"

	"sensor/internal/events"
)

// maxArgs is how much of an argument vector is read: ARGS_MAX_LEN in headers/record.h.
const maxArgs = 64 << 10

// Cmdline gives the argument vector of a process: the strings one after the
// other, each with its NUL. The last one lacks it if the vector was longer than
// 64 KiB and is cut. start is in ns since boot, exact or to the tick.
//
// ok is false if the process that started then has ended, and if it has no
// arguments: kernel threads have none. They are those of the image that runs
// now, in the process's own memory, which it may have overwritten.
func (r *Reader) Cmdline(pid uint32, start uint64) (packed string, ok bool) {
	if start == 0 {
		return "", false
	}
	before, err := r.stat(pid)
	if err != nil || before.Starttime != r.ticks(start) {
		return "", false
	}
	packed, err = readArgs(r.imageDir(pid, before))
	if err != nil || packed == "" {
		return "", false
	}
	if after, err := r.stat(pid); err != nil || after.Starttime != before.Starttime {
		return "", false // the pid was given away while we read
	}
	return packed, true
}

func readArgs(dir string) (packed string, err error) {
	raw, err := readAtMost(filepath.Join(dir, "cmdline"), maxArgs+1)
	if err != nil {
		return "", err
	}
	return packArgs(raw), nil
}

// packArgs makes the last string have its NUL if and only if raw is at most
// maxArgs long: so empty strings at the cut go as well.
func packArgs(raw []byte) string {
	if len(raw) > maxArgs {
		return string(bytes.TrimRight(raw[:maxArgs], "\x00"))
	}
	if len(raw) > 0 && raw[len(raw)-1] != 0 { // the process has written something else there
		raw = append(raw, 0)
	}
	return string(raw)
}

// argsOf counts a packed vector.
func argsOf(packed string) events.Args {
	if packed == "" {
		return events.Args{}
	}
	if packed[len(packed)-1] != 0 {
		return events.Args{Packed: packed, Cut: true}
	}
	return events.Args{Packed: packed, Count: strings.Count(packed, "\x00")}
}
