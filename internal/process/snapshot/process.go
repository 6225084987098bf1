// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/prometheus/procfs"

	"sensor/internal/events"
)

// PF_KTHREAD and PF_EXITING of include/linux/sched.h. Who is exiting gives up its memory before it becomes a zombie.
const (
	pfKthread = 0x200000
	pfExiting = 0x4
)

// attempts is how often a process is described anew that executes another
// program, or loses its parent, meanwhile.
const attempts = 3

// All gives every process to yield, in no particular order, until yield returns
// false. Processes that end meanwhile are left out. The error says how many
// could not be read for another reason, and the first reason.
func (r *Reader) All(yield func(*events.Process) bool) error {
	procs, err := r.fs.AllProcs()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	var failed int
	var first error
	for _, proc := range procs {
		p, err := r.Process(uint32(proc.PID))
		switch {
		case errors.Is(err, ErrGone):
		case err != nil:
			failed++
			first = cmp.Or(first, err)
		case !yield(p):
			return nil
		}
	}
	if failed > 0 {
		return fmt.Errorf("read processes: %d of %d failed, first: %w", failed, len(procs), first)
	}
	return nil
}

// Process describes one process as it is now, by its tgid. StartKey and
// ParentStartKey are multiples of 10 ms, which is how exactly /proc knows them;
// a process of the first 10 ms has the key 0. What /proc does not know (ExecID,
// Filename, Script, Env), and what it does not let us read, is absent. The error wraps [ErrGone] if there is no such process.
func (r *Reader) Process(pid uint32) (*events.Process, error) {
	for attempt := 1; ; attempt++ {
		before, err := r.stat(pid)
		if err != nil {
			return nil, err
		}
		p, err := r.describe(pid, before)
		if err != nil {
			return nil, err
		}
		after, err := r.stat(pid)
		if err != nil {
			return nil, err
		}
		if after.Starttime != before.Starttime {
			return nil, fmt.Errorf("read process %d: its pid was given away: %w", pid, ErrGone)
		}
		// Every image has its stack elsewhere. A process that executes faster
		// than we read is described by what we have.
		if after.StartStack == before.StartStack && after.PPID == before.PPID || attempt == attempts {
			return p, nil
		}
	}
}

func (r *Reader) describe(pid uint32, stat procfs.ProcStat) (*events.Process, error) {
	dir := r.dir(pid)
	text, err := readAtMost(filepath.Join(dir, "status"), maxStatus)
	if isGone(err) {
		return nil, fmt.Errorf("read status of process %d: %w", pid, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read status of process %d: %w", pid, err)
	}
	status, err := parseStatus(string(text))
	if err != nil {
		return nil, fmt.Errorf("read status of process %d: %w", pid, err)
	}
	if status.tgid != pid {
		return nil, fmt.Errorf("read process %d: it is a thread of %d: %w", pid, status.tgid, ErrGone)
	}
	p := &events.Process{
		PID:            pid,
		TID:            pid,
		VPID:           status.vpid,
		ThreadName:     threadName(stat),
		TTY:            ttyOf(uint32(stat.TTY)),
		KernelThread:   stat.Flags&pfKthread != 0,
		NoMemory:       stat.VSize == 0 && stat.State != "Z" && stat.Flags&pfExiting == 0,
		ParentPID:      uint32(max(0, stat.PPID)),
		GroupLeaderPID: uint32(max(0, stat.PGRP)),
		SessionPID:     uint32(max(0, stat.Session)),
	}
	if r.credentials {
		p.Credentials = status.credentials
		p.Credentials.LoginUID = readID(filepath.Join(dir, "loginuid"))
		p.Credentials.SessionID = readID(filepath.Join(dir, "sessionid"))
	}
	var ok bool
	if p.StartKey, ok = r.start(stat.Starttime); ok && r.wall != nil {
		p.Start = r.wall(p.StartKey)
	}
	if p.ParentPID != 0 {
		if parent, err := r.stat(p.ParentPID); err == nil {
			p.ParentStartKey, _ = r.start(parent.Starttime)
		}
	}
	if proc, err := r.fs.Proc(int(pid)); err == nil {
		p.Cgroup = r.cgroup(proc)
	}
	living := r.imageDir(pid, stat)
	if tid, err := strconv.ParseUint(filepath.Base(living), 10, 32); err == nil {
		p.TID = uint32(tid)
	}
	r.describeImage(p, living)
	return p, nil
}

// describeImage fills what hangs on the memory and the namespaces of a thread that lives.
func (r *Reader) describeImage(p *events.Process, dir string) {
	root := readLink(dir, "root")
	p.Executable = pathOf(readLink(dir, "exe"), root)
	p.WorkingDirectory = pathOf(readLink(dir, "cwd"), root)
	p.Name = cmp.Or(p.Executable.Base(), p.ThreadName)
	if packed, err := readArgs(dir); err == nil {
		p.Args = argsOf(packed)
	}
	p.Namespaces = events.Namespaces{
		Mount:  namespace(dir, "mnt"),
		PID:    namespace(dir, "pid"),
		Net:    namespace(dir, "net"),
		User:   namespace(dir, "user"),
		UTS:    namespace(dir, "uts"),
		IPC:    namespace(dir, "ipc"),
		Cgroup: namespace(dir, "cgroup"),
		Time:   namespace(dir, "time"),
	}
}

// readLink is the target of a link in dir; "" if it cannot be read.
func readLink(dir, name string) string {
	target, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return target
}

// ttyOf takes the kernel's new_encode_dev apart; 0 is no terminal.
func ttyOf(dev uint32) events.TTY {
	return events.TTY{Known: dev != 0, Major: dev >> 8 & 0xfff, Minor: dev&0xff | dev>>12&0xfff00}
}
