// SPDX-License-Identifier: Apache-2.0

// Package snapshot describes from /proc the processes that already run: for a
// kernel that loads no task iterator, and for argument vectors, which an
// iterator cannot read.
package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// ErrGone says that there is no such process, or no longer: it ended, is a
// zombie, or its pid now names another process.
var ErrGone = errors.New("no such process")

// Options of a Reader.
type Options struct {
	// Root is where proc is mounted; "" is /proc.
	Root string
	// Self is this process's tgid in the initial pid namespace, as the kernel
	// told it by other means than /proc; 0 if it did not. See [ErrNamespace].
	Self uint32
	// Wall is the wall time of a time in ns since boot. Without it the
	// processes have no Start.
	Wall func(boot uint64) time.Time
}

// Reader reads /proc. It holds no file open and is safe for concurrent use.
//
// A read of another process's arguments may wait for that process's memory, as
// ps does: whoever must never wait calls from a goroutine of its own.
type Reader struct {
	root string
	fs   procfs.FS
	wall func(boot uint64) time.Time

	timeOffset  int64  // ns that /proc adds to start times, a multiple of tick
	credentials bool   // /proc shows ids as the initial user namespace has them
	cgroupPaths bool   // /proc shows cgroups from the root of the hierarchy
	cgroupMount string // where the root of the cgroup2 hierarchy is mounted; "" if nowhere
}

// New checks that /proc is the initial pid namespace's, and prepares to read it.
// The error wraps [ErrNamespace] if /proc must not be believed.
func New(o Options) (*Reader, error) {
	root := cmp.Or(o.Root, procfs.DefaultMountPoint)
	proc, err := procfs.NewFS(root)
	if err != nil {
		return nil, fmt.Errorf("open proc: %w", err)
	}
	r := &Reader{root: root, fs: proc, wall: o.Wall}
	if err := checkPIDNamespace(root, o.Self); err != nil {
		return nil, err
	}
	if r.timeOffset, err = timeOffset(root); err != nil {
		return nil, err
	}
	self := filepath.Join(root, "self")
	r.credentials = namespace(self, "user") == initialUser
	r.cgroupPaths = namespace(self, "cgroup") == initialCgroup
	r.cgroupMount = cgroupMount(proc)
	return r, nil
}

// tick is the unit of start times in /proc.
const tick = events.StartTick

// start turns a start time of /proc into ns since boot, exact to the tick. ok is
// false if it lies outside of what the time namespace of this process can show.
func (r *Reader) start(ticks uint64) (boot uint64, ok bool) {
	const century = 100 * 365 * 24 * 3600 * 1e9 / tick
	if ticks > century { // below 0, shown without its sign
		return 0, false
	}
	ns := int64(ticks*tick) - r.timeOffset
	return uint64(max(0, ns)), ns >= 0
}

// ticks is what /proc shows for a start time in ns since boot.
func (r *Reader) ticks(start uint64) uint64 { return (start + uint64(r.timeOffset)) / tick }

// dir is the directory of a process.
func (r *Reader) dir(pid uint32) string {
	return filepath.Join(r.root, strconv.FormatUint(uint64(pid), 10))
}

// stat reads /proc/PID/stat. The error wraps [ErrGone] if there is no live process.
func (r *Reader) stat(pid uint32) (s procfs.ProcStat, err error) {
	defer func() {
		// The library slices past the end of a file that stops after the name.
		// No kernel writes one, but a sensor does not end over it.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("parse stat of process %d: %v", pid, fault)
		}
	}()
	proc, err := r.fs.Proc(int(pid))
	if err == nil {
		s, err = proc.Stat()
	}
	switch {
	case isGone(err):
		return s, fmt.Errorf("read stat of process %d: %w", pid, ErrGone)
	case err != nil:
		return s, fmt.Errorf("read stat of process %d: %w", pid, err)
	case s.State == "X", s.State == "Z" && s.NumThreads <= 1:
		return s, fmt.Errorf("read stat of process %d: it has ended: %w", pid, ErrGone)
	}
	return s, nil
}

// imageDir is where the image of a process is read: its own directory, or that
// of a thread that lives if the leader has ended before the others.
func (r *Reader) imageDir(pid uint32, leader procfs.ProcStat) string {
	dir := r.dir(pid)
	if leader.State != "Z" {
		return dir
	}
	threads, err := r.fs.AllThreads(int(pid))
	if err != nil {
		return dir
	}
	for _, thread := range threads {
		if thread.PID != int(pid) {
			return filepath.Join(dir, "task", strconv.Itoa(thread.PID))
		}
	}
	return dir
}

// isGone reports whether a file of /proc could not be read because its process ended.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// readAtMost reads the first limit bytes of a file.
func readAtMost(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
