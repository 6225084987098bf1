// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// live reads the real /proc; a container without the host's pid namespace has none to believe.
func live(t *testing.T) *Reader {
	t.Helper()
	r, err := New(Options{Wall: bootAt})
	if errors.Is(err, ErrNamespace) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func liveProcess(t *testing.T, pid uint32) *events.Process {
	t.Helper()
	p, err := live(t).Process(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSelf(t *testing.T) {
	pid := uint32(os.Getpid())
	p := liveProcess(t, pid)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	group, err := unix.Getpgid(0)
	if err != nil {
		t.Fatal(err)
	}
	session, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Join(os.Args, "\x00") + "\x00"
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"pid", p.PID, pid},
		{"tid", p.TID, pid},
		{"vpid", p.VPID, pid},
		{"executable", p.Executable, events.Path{Name: program}},
		{"name", p.Name, filepath.Base(program)},
		{"thread name", p.ThreadName, filepath.Base(program)[:min(15, len(filepath.Base(program)))]},
		{"working directory", p.WorkingDirectory, events.Path{Name: directory}},
		{"args", p.Args, events.Args{Packed: args, Count: len(os.Args)}},
		{"parent", p.ParentPID, uint32(os.Getppid())},
		{"group", p.GroupLeaderPID, uint32(group)},
		{"session", p.SessionPID, uint32(session)},
		{"uid", p.Credentials.Real.ID, uint32(os.Getuid())},
		{"euid", p.Credentials.Effective.ID, uint32(os.Geteuid())},
		{"gid", p.Credentials.RealGroup.ID, uint32(os.Getgid())},
		{"egid", p.Credentials.EffectiveGroup.ID, uint32(os.Getegid())},
		{"kernel thread", p.KernelThread, false},
		{"no memory", p.NoMemory, false},
		{"mount namespace", p.Namespaces.Mount, inode(t, "/proc/self/ns/mnt")},
		{"pid namespace", p.Namespaces.PID, inode(t, "/proc/self/ns/pid")},
		{"network namespace", p.Namespaces.Net, inode(t, "/proc/self/ns/net")},
		{"user namespace", p.Namespaces.User, inode(t, "/proc/self/ns/user")},
		{"uts namespace", p.Namespaces.UTS, inode(t, "/proc/self/ns/uts")},
		{"ipc namespace", p.Namespaces.IPC, inode(t, "/proc/self/ns/ipc")},
		{"cgroup namespace", p.Namespaces.Cgroup, inode(t, "/proc/self/ns/cgroup")},
		{"time namespace", p.Namespaces.Time, inode(t, "/proc/self/ns/time")},
	} {
		if check.got != check.want {
			t.Errorf("%s: %+v, want %+v", check.what, check.got, check.want)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Credentials.CapEffective, uint64(caps[1].Effective)<<32|uint64(caps[0].Effective); got != want {
		t.Errorf("effective capabilities: %x, want %x", got, want)
	}
	if got, want := p.Credentials.CapPermitted, uint64(caps[1].Permitted)<<32|uint64(caps[0].Permitted); got != want {
		t.Errorf("permitted capabilities: %x, want %x", got, want)
	}
	packed, ok := live(t).Cmdline(pid, p.StartKey+1)
	if !ok || packed != args {
		t.Errorf("Cmdline = %q, %v; want %q", packed, ok, args)
	}
	if packed, ok := live(t).Cmdline(pid, p.StartKey+tick); ok {
		t.Errorf("Cmdline of a process that started a tick later = %q", packed)
	}
}

func inode(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0 // a type of namespace that this kernel has not
	}
	return uint32(st.Ino)
}

// The kernel gives a cgroup's id in its file handle, too.
func TestCgroupID(t *testing.T) {
	r := live(t)
	p := liveProcess(t, uint32(os.Getpid()))
	if r.cgroupMount == "" || p.Cgroup.Path == "" {
		t.Skip("no root of a cgroup2 hierarchy here")
	}
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, filepath.Join(r.cgroupMount, p.Cgroup.Path), 0)
	if err != nil {
		t.Skip(err)
	}
	if want := binary.NativeEndian.Uint64(handle.Bytes()); p.Cgroup.ID != want {
		t.Errorf("cgroup %s: id %d, want %d", p.Cgroup.Path, p.Cgroup.ID, want)
	}
}

func TestParent(t *testing.T) {
	child := liveProcess(t, ready(t, "wait", nil))
	self := liveProcess(t, uint32(os.Getpid()))
	if child.ParentPID != self.PID || child.ParentStartKey != self.StartKey || child.StartKey < self.StartKey || self.StartKey == 0 {
		t.Errorf("child's parent is %d started at %d; this is %d started at %d", child.ParentPID, child.ParentStartKey, self.PID, self.StartKey)
	}
	parent, err := live(t).Process(uint32(os.Getppid()))
	if err != nil {
		t.Fatal(err)
	}
	if parent.StartKey != self.ParentStartKey {
		t.Errorf("parent started at %d, ParentStartKey is %d", parent.StartKey, self.ParentStartKey)
	}
}

func TestOddArguments(t *testing.T) {
	for name, args := range map[string][]string{
		"ordinary":         {"ls", "-l"},
		"empty":            {"", "", "a", ""},
		"newlines, escape": {"a\nb", "\x1b[31m", " "},
		"not UTF-8":        {"\xff\xfe", "\xc3"},
		"many":             slices.Repeat([]string{"ab"}, 20000),
		"too long":         {"sh", strings.Repeat("x", 100_000), "y"},
	} {
		t.Run(name, func(t *testing.T) {
			pid := ready(t, "wait", func(c *exec.Cmd) { c.Args = args })
			whole := strings.Join(args, "\x00") + "\x00"
			want := events.Args{Packed: whole, Count: len(args)}
			if len(whole) > maxArgs {
				want = events.Args{Packed: whole[:maxArgs], Cut: true}
			}
			p := liveProcess(t, pid)
			if p.Args != want {
				t.Errorf("args: %d bytes, count %d, cut %v: %.60q; want %d bytes, count %d, cut %v", len(p.Args.Packed), p.Args.Count, p.Args.Cut, p.Args.Packed, len(want.Packed), want.Count, want.Cut)
			}
			if packed, ok := live(t).Cmdline(pid, p.StartKey); !ok || packed != want.Packed {
				t.Errorf("Cmdline: %d bytes, %v; want %d", len(packed), ok, len(want.Packed))
			}
		})
	}
}

// copyProgram puts the test binary at path.
func copyProgram(t *testing.T, path string) {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestDeletedExecutable(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "gone")
	program := filepath.Join(directory, "odd\nname\xff")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	copyProgram(t, program)
	pid := ready(t, "wait", func(c *exec.Cmd) { c.Path, c.Dir = program, directory })
	if p := liveProcess(t, pid); p.Executable != (events.Path{Name: program}) || p.WorkingDirectory != (events.Path{Name: directory}) {
		t.Errorf("before: %+v in %+v", p.Executable, p.WorkingDirectory)
	}
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	p := liveProcess(t, pid)
	if want := (events.Path{Name: program, Deleted: true}); p.Executable != want || p.Name != want.Base() {
		t.Errorf("after: %+v, name %q; want %+v", p.Executable, p.Name, want)
	}
	if want := (events.Path{Name: directory, Deleted: true}); p.WorkingDirectory != want {
		t.Errorf("after: in %+v; want %+v", p.WorkingDirectory, want)
	}
}

func TestThreads(t *testing.T) {
	r := live(t)
	pid := ready(t, "threads", nil)
	p := liveProcess(t, pid)
	if p.TID != pid || p.PID != pid {
		t.Errorf("process %d: PID %d, TID %d", pid, p.PID, p.TID)
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, thread := range threads {
		var tid uint32
		fmt.Sscan(thread.Name(), &tid)
		if tid == pid {
			continue
		}
		others++
		if p, err := r.Process(tid); !errors.Is(err, ErrGone) {
			t.Errorf("thread %d of %d taken for a process: %+v, %v", tid, pid, p, err)
		}
	}
	if others == 0 {
		t.Error("the child has one thread")
	}
	seen := 0
	if err := r.All(func(p *events.Process) bool {
		if p.PID == pid {
			seen++
		}
		return true
	}); err != nil {
		t.Error(err)
	}
	if seen != 1 {
		t.Errorf("All gives the process %d times", seen)
	}
}

func TestLeaderless(t *testing.T) {
	cmd, said := start(t, "leaderless", nil)
	if said != "ready" {
		t.Skip(said)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := liveProcess(t, uint32(cmd.Process.Pid))
	if p.Executable.Name != program || p.Args.Packed != program+"\x00" || p.NoMemory || p.Namespaces.Mount == 0 {
		t.Errorf("Process = %+v", p)
	}
}

func TestZombie(t *testing.T) {
	r := live(t)
	cmd, _ := start(t, "wait", nil)
	pid := uint32(cmd.Process.Pid)
	p := liveProcess(t, pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// WNOWAIT leaves the zombie where it is.
	if err := unix.Waitid(unix.P_PID, int(pid), nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"zombie", "reaped"} {
		if p, err := r.Process(pid); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %+v, %v", state, p, err)
		}
		if packed, ok := r.Cmdline(pid, p.StartKey); ok {
			t.Errorf("%s: Cmdline = %q", state, packed)
		}
		cmd.Wait()
	}
}

func TestLiveName(t *testing.T) {
	for _, name := range []string{"a b", ")) R 1 (", "a\nb) Z 0", "\xff\xfe(", "(deleted)"} {
		p := liveProcess(t, ready(t, "comm "+name, nil))
		if p.ThreadName != name || p.ParentPID != uint32(os.Getpid()) {
			t.Errorf("ThreadName %q, parent %d; want %q, %d", p.ThreadName, p.ParentPID, name, os.Getpid())
		}
	}
}

func TestLiveIDs(t *testing.T) {
	needRoot(t)
	c := liveProcess(t, ready(t, "ids", nil)).Credentials
	got := []uint32{c.Real.ID, c.Effective.ID, c.Saved.ID, c.FS.ID, c.RealGroup.ID, c.EffectiveGroup.ID, c.SavedGroup.ID, c.FSGroup.ID}
	if want := []uint32{21, 22, 23, 22, 11, 12, 13, 12}; !slices.Equal(got, want) {
		t.Errorf("ids %v, want %v", got, want)
	}
	if want := []events.Group{{ID: 24}, {ID: 27}}; !slices.Equal(c.Groups, want) {
		t.Errorf("groups %v, want %v", c.Groups, want)
	}
	if c.CapEffective != 0 || c.CapBounding == 0 {
		t.Errorf("capabilities: effective %x, bounding %x", c.CapEffective, c.CapBounding)
	}
}

func TestLiveTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	pid := ready(t, "wait", func(c *exec.Cmd) {
		c.ExtraFiles = []*os.File{terminal}
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	})
	p := liveProcess(t, pid)
	if want := (events.TTY{Known: true, Major: 136, Minor: uint32(number)}); p.TTY != want {
		t.Errorf("terminal %+v, want %+v", p.TTY, want)
	}
	if p.SessionPID != pid || p.GroupLeaderPID != pid {
		t.Errorf("session %d, group %d; want %d", p.SessionPID, p.GroupLeaderPID, pid)
	}
	without := liveProcess(t, ready(t, "wait", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }))
	if without.TTY.Known {
		t.Errorf("terminal of a session without one: %+v", without.TTY)
	}
}

func TestKthreadd(t *testing.T) {
	p, err := live(t).Process(2)
	if err != nil || p.ThreadName != "kthreadd" {
		t.Skipf("process 2 is not kthreadd: %+v, %v", p, err)
	}
	if !p.KernelThread || !p.NoMemory || p.Executable.Name != "" || p.Args.Packed != "" || p.Name != "kthreadd" || p.TTY.Known {
		t.Errorf("Process = %+v", p)
	}
	if p, err := live(t).Process(math.MaxUint32); !errors.Is(err, ErrGone) {
		t.Errorf("the last pid: %+v, %v", p, err)
	}
}
