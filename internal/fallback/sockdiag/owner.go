// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// owners finds whose file a socket is, by its inode, in /proc/PID/fd.
type owners struct {
	root string // of proc
	proc Proc   // nil if it cannot be had: nobody is found
	// likely are processes that had sockets before: they are looked at first.
	likely map[uint32]bool
}

// ownerPatience is how long owners are looked for at a time.
const ownerPatience = 250 * time.Millisecond

// find gives the process of each inode that it finds. Of several that share a
// socket it gives one. all is false if there was no time to look at every process.
func (o *owners) find(inodes map[uint32]uint32) (all bool, err error) {
	wanted := len(inodes)
	if wanted == 0 || o.proc == nil {
		return true, nil
	}
	late := time.Now().Add(ownerPatience)
	pids, err := o.proc.PIDs()
	if err != nil {
		return false, err
	}
	slices.SortFunc(pids, func(a, b uint32) int { return int(b) - int(a) }) // new processes first
	there := map[uint32]bool{}
	for _, pid := range pids {
		there[pid] = true
	}
	for pid := range o.likely {
		if !there[pid] {
			delete(o.likely, pid)
		}
	}
	for _, likely := range []bool{true, false} {
		for _, pid := range pids {
			if o.likely[pid] != likely {
				continue
			}
			if found := o.look(pid, inodes); found > 0 {
				wanted -= found
				defer func() { o.likely[pid] = true }()
			}
			if wanted == 0 {
				return true, nil
			}
			if time.Now().After(late) {
				return false, nil
			}
		}
	}
	return true, nil
}

// look enters one process for those of the inodes that are its own and have none yet.
func (o *owners) look(pid uint32, inodes map[uint32]uint32) (found int) {
	dir, err := os.Open(filepath.Join(o.root, strconv.FormatUint(uint64(pid), 10), "fd"))
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir.Name(), name))
		if err != nil {
			continue
		}
		inode, ok := inodeOf(target)
		if !ok {
			continue
		}
		if owner, asked := inodes[inode]; asked && owner == 0 {
			inodes[inode] = pid
			found++
		}
	}
	return found
}

// inodeOf takes the number out of "socket:[1234]".
func inodeOf(target string) (inode uint32, ok bool) {
	rest, ok := strings.CutPrefix(target, "socket:[")
	digits, closed := strings.CutSuffix(rest, "]")
	if !ok || !closed {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n != 0
}
