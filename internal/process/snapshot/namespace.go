// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNamespace says that the pids or the start times of /proc are not those
// that the kernel uses: /proc belongs to another pid namespace than the initial
// one, or this process is in a time namespace that cannot be reckoned with.
var ErrNamespace = errors.New("proc is not the initial namespace's")

// The inode numbers of the initial namespaces: include/linux/proc_ns.h, since
// Linux 6.18 in uapi/linux/nsfs.h.
const (
	initialUser   = 0xEFFFFFFD
	InitialPID    = 0xEFFFFFFC // of pids
	initialCgroup = 0xEFFFFFFB
)

// checkPIDNamespace makes sure that the pids under root are the initial
// namespace's.
//
// /proc/self resolves only where this process has a pid. So /proc is the initial
// namespace's if this process is in that one, or if /proc/1 is. In a container
// that has another's /proc mounted neither can be seen, and what the kernel told
// decides: two namespaces give one process different pids, but for chance, which
// /proc/1 rules out wherever it can be read.
func checkPIDNamespace(root string, self uint32) error {
	link := filepath.Join(root, "self")
	text, err := os.Readlink(link)
	if err != nil {
		return fmt.Errorf("find this process in proc: %w: %w", err, ErrNamespace)
	}
	pid, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return fmt.Errorf("find this process in proc: %w: %w", err, ErrNamespace)
	}
	if self != 0 && uint64(self) != pid {
		return fmt.Errorf("compare pids: this process is %d to the kernel and %d in %s: %w", self, pid, root, ErrNamespace)
	}
	if namespace(link, "pid") == InitialPID {
		return nil
	}
	switch namespace(filepath.Join(root, "1"), "pid") {
	case InitialPID:
		return nil
	case 0:
		if self != 0 {
			return nil
		}
	}
	return fmt.Errorf("look for the initial pid namespace: neither this process nor process 1 of %s is in it: %w", root, ErrNamespace)
}

// timeOffset is what the time namespace of this process adds to the start times
// in /proc, in ns: a multiple of tick.
func timeOffset(root string) (int64, error) {
	self := filepath.Join(root, "self")
	text, err := readAtMost(filepath.Join(self, "timens_offsets"), 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // no time namespaces: before Linux 5.6, or not built in
	}
	if err != nil {
		return 0, fmt.Errorf("read time namespace: %w", err)
	}
	// The offsets are those of the children's namespace.
	if namespace(self, "time") != namespace(self, "time_for_children") {
		return 0, fmt.Errorf("read time namespace: this process is not in the one that its children will be in: %w", ErrNamespace)
	}
	offset, err := parseBootOffset(string(text))
	if err != nil {
		return 0, fmt.Errorf("parse time namespace: %w", err)
	}
	if offset%tick != 0 {
		return 0, fmt.Errorf("reckon with time namespace: its offset of %d ns is no multiple of 10 ms: %w", offset, ErrNamespace)
	}
	return offset, nil
}

// parseBootOffset finds the line "boottime SECONDS NANOSECONDS" and gives the sum in ns.
func parseBootOffset(text string) (int64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "boottime" {
			continue
		}
		seconds, err := strconv.ParseInt(fields[1], 10, 33) // 136 years: the sum fits
		if err != nil {
			return 0, fmt.Errorf("parse seconds: %w", err)
		}
		nanoseconds, err := strconv.ParseInt(fields[2], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parse nanoseconds: %w", err)
		}
		return seconds*1e9 + nanoseconds, nil
	}
	return 0, errors.New("no line for boottime")
}

// namespace is the inode number of a namespace of the process in dir; 0 if it
// cannot be read, or the kernel has no namespaces of that type.
func namespace(dir, name string) uint32 {
	link, err := os.Readlink(filepath.Join(dir, "ns", name))
	if err != nil {
		return 0
	}
	return ParseNamespace(link)
}

// ParseNamespace takes the inode number out of "mnt:[4026531841]"; 0 if there is none.
func ParseNamespace(link string) uint32 {
	_, rest, _ := strings.Cut(link, ":[")
	digits, ok := strings.CutSuffix(rest, "]")
	if !ok {
		return 0
	}
	inode, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(inode)
}
