// SPDX-License-Identifier: Apache-2.0

package events

import (
	"iter"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// Process is one process with one image, as it was when a source described it.
// It is immutable once it has been enriched, so events share it freely.
type Process struct {
	PID      uint32 // tgid, in the initial pid namespace as all pids here
	TID      uint32 // of the thread that acted
	VPID     uint32 // tgid in the process's own pid namespace; 0 if unknown
	ExecID   uint64 // how many times the image was replaced; see HasExecID
	Start    time.Time
	StartKey uint64 // ns since boot; 0 if unknown
	EntityID string // "" if the start time is unknown

	Name       string // base name of the executable, else the thread's name
	ThreadName string // task_struct.comm
	Executable Path
	Args       Args
	Filename   Path // exec: what execve was given; empty if the same as Executable
	Script     bool // Filename is a script and Executable its interpreter
	Env        Args // the variables that the configuration asks for

	WorkingDirectory Path
	TTY              TTY
	Credentials      Credentials
	Namespaces       Namespaces
	Cgroup           Cgroup
	KernelThread     bool
	NoMemory         bool // no user memory: a kernel thread, or a helper before its exec
	HasExecID        bool // the source knows ExecID
	Redacted         bool // Args or Env had secrets masked
	Claimed          bool // the image is what the process itself has said; who knows better is believed

	ParentPID       uint32
	ParentStartKey  uint64
	CreatorPID      uint32 // fork: who called, if known; not the parent with CLONE_PARENT
	CreatorStartKey uint64
	GroupLeaderPID  uint32
	SessionPID      uint32
	EntryMeta       EntryMeta // set if the process is its own entry leader

	fragment atomic.Pointer[any]
}

// StartTick is how exactly /proc knows a start time, in ns; it rounds down.
// USER_HZ is 100 on every architecture that we run on.
const StartTick = 10_000_000

// Family are the relatives of a process at the time of an event; nil where unknown.
type Family struct {
	Parent        *Process
	GroupLeader   *Process
	SessionLeader *Process
	EntryLeader   *Process
	EntryParent   *Process
	Previous      *Process // exec: the image before
}

// Fragment is what an encoder has kept with the process, or nil.
func (p *Process) Fragment() any {
	if f := p.fragment.Load(); f != nil {
		return *f
	}
	return nil
}

// SetFragment keeps an encoder's work with the process. The last one stays.
func (p *Process) SetFragment(f any) { p.fragment.Store(&f) }

// Clone is a copy that may be changed. What an encoder keeps is not copied.
func (p *Process) Clone() *Process {
	clone := &Process{}
	from, to := reflect.ValueOf(p).Elem(), reflect.ValueOf(clone).Elem()
	for i := range from.NumField() {
		if field := to.Field(i); field.CanSet() {
			field.Set(from.Field(i))
		}
	}
	return clone
}

// Size is a rough count of the bytes that the process keeps in memory, without
// what an encoder keeps beside it.
func (p *Process) Size() int {
	const fixed = 1000
	return fixed + len(p.Executable.Name) + len(p.Args.Packed) + len(p.Env.Packed) +
		len(p.Filename.Name) + len(p.WorkingDirectory.Name) + len(p.Cgroup.Path) +
		int(unsafe.Sizeof(Group{}))*len(p.Credentials.Groups)
}

// Interactive reports whether the process has a controlling terminal.
func (p *Process) Interactive() bool { return p.TTY.Known }

// Path is a path as the process sees it, with what is to be said about it.
type Path struct {
	Name     string
	Cut      bool // the front is missing: longer than the source reads
	Detached bool // reaches neither the process's root nor an attached mount
	Deleted  bool // the name was unlinked
}

// Base is the last component.
func (p Path) Base() string { return p.Name[strings.LastIndexByte(p.Name, '/')+1:] }

// Args is an argument vector as the kernel keeps it: the strings one after the
// other, each with its NUL. The last one lacks it if the vector was cut.
type Args struct {
	Packed string
	Count  int // how many there were, also if they were cut; 0 if unknown
	Cut    bool
}

// All gives the strings in order.
func (a Args) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := a.Packed; rest != ""; {
			arg, after, _ := strings.Cut(rest, "\x00")
			if !yield(arg) {
				return
			}
			rest = after
		}
	}
}

// Len is Count, or where it is unknown the number of strings there are, if none is missing; else 0.
func (a Args) Len() int {
	if a.Count > 0 {
		return a.Count
	}
	if a.Cut {
		return 0
	}
	n := strings.Count(a.Packed, "\x00")
	if a.Packed != "" && a.Packed[len(a.Packed)-1] != 0 {
		n++
	}
	return n
}

// TTY is a controlling terminal.
type TTY struct {
	Known        bool
	Major, Minor uint32
}

// User is a user id in the initial user namespace, with its name if it has one.
type User struct {
	ID   uint32
	Name string
}

// Group is a group id in the initial user namespace, with its name if it has one.
type Group struct {
	ID   uint32
	Name string
}

// Unset is the value of ids that nobody set, such as a login uid.
const Unset = ^uint32(0)

// Credentials of a process, in the initial user namespace.
type Credentials struct {
	Known                                                               bool
	Real, Effective, Saved, FS                                          User
	RealGroup, EffectiveGroup, SavedGroup, FSGroup                      Group
	Groups                                                              []Group
	GroupsCut                                                           bool
	LoginUID, SessionID                                                 uint32 // audit's; Unset if nobody logged in
	CapInheritable, CapPermitted, CapEffective, CapBounding, CapAmbient uint64
}

// Namespaces are the inode numbers of a process's namespaces; 0 if unknown.
type Namespaces struct {
	Mount, PID, Net, User, UTS, IPC, Cgroup, Time uint32
}

// Cgroup is a process's place on the default (v2) hierarchy.
type Cgroup struct {
	ID   uint64
	Path string
}

// EntryMeta says how a session was entered.
type EntryMeta struct {
	Type     string // process.entry_leader.entry_meta.type; "" if not an entry leader
	SourceIP string // sshd: the client
}
