// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

const fullStatus = `Name:	bash
Umask:	0022
State:	S (sleeping)
Tgid:	7
Ngid:	0
Pid:	7
PPid:	1
TracerPid:	0
Uid:	1	2	3	4
Gid:	5	6	7	8
FDSize:	64
Groups:	24 27 4000000000 
NStgid:	7	3
NSpid:	7	3
CapInh:	0000000000000001
CapPrm:	000001ffffffffff
CapEff:	0000000000002000
CapBnd:	000001fffeffffff
CapAmb:	0000000000000400
NoNewPrivs:	0
`

func fullFake(t testing.TB) *fake {
	f := newFake(t)
	init := shell()
	init.comm, init.start, init.ppid = "systemd", 2, 0
	f.process(1, init)
	f.process(7, shell())
	f.file("7/status", fullStatus)
	f.file("7/cmdline", "bash\x00-l\x00")
	f.file("7/cgroup", "4:memory:/x\n1:name=systemd:/y\n0::/user.slice/a:b\n")
	f.file("7/loginuid", "1000")
	f.file("7/sessionid", "12")
	f.link("7/exe", "/usr/bin/bash")
	f.link("7/cwd", "/home/a")
	f.link("7/root", "/")
	for i, name := range []string{"mnt", "pid", "net", "user", "uts", "ipc", "cgroup", "time"} {
		f.link("7/ns/"+name, fmt.Sprintf("%s:[%d]", name, 100+i))
	}
	return f
}

func TestProcess(t *testing.T) {
	got, err := fullFake(t).reader().Process(7)
	if err != nil {
		t.Fatal(err)
	}
	want := &events.Process{
		PID: 7, TID: 7, VPID: 3,
		Start: bootAt(12_340_000_000), StartKey: 12_340_000_000,
		Name: "bash", ThreadName: "bash",
		Executable:       events.Path{Name: "/usr/bin/bash"},
		WorkingDirectory: events.Path{Name: "/home/a"},
		Args:             events.Args{Packed: "bash\x00-l\x00", Count: 2},
		TTY:              events.TTY{Known: true, Major: 136, Minor: 5},
		Credentials: events.Credentials{
			Known: true,
			Real:  events.User{ID: 1}, Effective: events.User{ID: 2}, Saved: events.User{ID: 3}, FS: events.User{ID: 4},
			RealGroup: events.Group{ID: 5}, EffectiveGroup: events.Group{ID: 6}, SavedGroup: events.Group{ID: 7}, FSGroup: events.Group{ID: 8},
			Groups:   []events.Group{{ID: 24}, {ID: 27}, {ID: 4000000000}},
			LoginUID: 1000, SessionID: 12,
			CapInheritable: 1, CapPermitted: 0x1ffffffffff, CapEffective: 0x2000, CapBounding: 0x1fffeffffff, CapAmbient: 0x400,
		},
		Namespaces: events.Namespaces{Mount: 100, PID: 101, Net: 102, User: 103, UTS: 104, IPC: 105, Cgroup: 106, Time: 107},
		Cgroup:     events.Cgroup{Path: "/user.slice/a:b"},
		ParentPID:  1, ParentStartKey: 20_000_000, GroupLeaderPID: 7, SessionPID: 6,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Process:\n got %+v\nwant %+v", got, want)
	}
}

// What cannot be read is absent, and the rest is there.
func TestProcessWithLittleToRead(t *testing.T) {
	f := newFake(t)
	f.process(7, shell())
	got, err := f.reader().Process(7)
	if err != nil {
		t.Fatal(err)
	}
	want := &events.Process{
		PID: 7, TID: 7, Start: bootAt(shellStart), StartKey: shellStart,
		Name: "bash", ThreadName: "bash",
		TTY: events.TTY{Known: true, Major: 136, Minor: 5},
		Credentials: events.Credentials{
			Known: true,
			Real:  events.User{ID: 1}, Effective: events.User{ID: 2}, Saved: events.User{ID: 3}, FS: events.User{ID: 4},
			RealGroup: events.Group{ID: 5}, EffectiveGroup: events.Group{ID: 6}, SavedGroup: events.Group{ID: 7}, FSGroup: events.Group{ID: 8},
			Groups:   []events.Group{{ID: 24}, {ID: 27}},
			LoginUID: events.Unset, SessionID: events.Unset,
		},
		ParentPID: 1, GroupLeaderPID: 7, SessionPID: 6,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Process:\n got %+v\nwant %+v", got, want)
	}
}

// A process can name itself as it likes.
func TestHostileNames(t *testing.T) {
	for _, comm := range []string{"", " ", "a b", "(", ")", ")) R 0 0 (", "a\nb", "a) S 1 1\n(b", "\xff\xfe", "\x1b[31m", "\n"} {
		f := newFake(t)
		s := shell()
		s.comm = comm
		f.process(7, s)
		p, err := f.reader().Process(7)
		if err != nil {
			t.Errorf("comm %q: %v", comm, err)
			continue
		}
		if p.ThreadName != comm || p.ParentPID != 1 || p.StartKey != shellStart {
			t.Errorf("comm %q: ThreadName %q, parent %d, start %d", comm, p.ThreadName, p.ParentPID, p.StartKey)
		}
	}
}

func TestKernelThread(t *testing.T) {
	tests := []struct {
		comm  string
		flags uint
		want  string
	}{
		{"kthreadd", pfKthread, "kthreadd"},
		{"kworker/0:1-events", pfKthread | pfWorker, "kworker/0:1"},
		{"kworker/u4:2+flush-8:0", pfKthread | pfWorker, "kworker/u4:2"},
		{"kworker/R-rcu_gp_and_more", pfKthread | pfWorker, "kworker/R-rcu_g"},
		{"ext4-rsv-conversion", pfKthread | pfWorker, "ext4-rsv-conver"},
		{"pool_workqueue_release", pfKthread, "pool_workqueue_"},
		{"kworker/0:1-events", 0, "kworker/0:1-events"},
	}
	for _, test := range tests {
		f := newFake(t)
		f.file(f.process(7, statLine{comm: test.comm, state: "I", ppid: 2, flags: test.flags, threads: 1, start: 3})+"/cmdline", "")
		p, err := f.reader().Process(7)
		if err != nil {
			t.Fatal(err)
		}
		if p.ThreadName != test.want || p.Name != test.want || p.KernelThread != (test.flags&pfKthread != 0) || !p.NoMemory || p.TTY.Known {
			t.Errorf("%+v: got %+v", test, p)
		}
	}
}

func TestGone(t *testing.T) {
	zombie, dead := shell(), shell()
	zombie.state, dead.state = "Z", "X"
	tests := map[string]func(f *fake){
		"none":               func(f *fake) {},
		"zombie":             func(f *fake) { f.process(7, zombie) },
		"dead":               func(f *fake) { f.process(7, dead) },
		"between two files":  func(f *fake) { f.file("7/stat", shell().String()) },
		"a thread of 6":      func(f *fake) { f.process(7, shell()); f.file("7/status", statusOf(6)) },
		"its directory only": func(f *fake) { f.file("7/x", "") },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			prepare(f)
			if p, err := f.reader().Process(7); !errors.Is(err, ErrGone) || p != nil {
				t.Errorf("Process = %+v, %v; want ErrGone", p, err)
			}
		})
	}
}

func TestProcessWithoutLeader(t *testing.T) {
	f := newFake(t)
	s := shell()
	s.state, s.threads, s.vsize = "Z", 2, 0
	f.process(7, s)
	f.file("7/task/7/cmdline", "")
	f.file("7/task/9/cmdline", "sh\x00")
	f.link("7/task/9/exe", "/bin/sh")
	p, err := f.reader().Process(7)
	if err != nil {
		t.Fatal(err)
	}
	if p.Executable.Name != "/bin/sh" || p.Args.Packed != "sh\x00" || p.NoMemory {
		t.Errorf("Process = %+v", p)
	}
}

// While the reader is held up in status by a FIFO, the process becomes another.
func TestChangeMeanwhile(t *testing.T) {
	tests := map[string]struct {
		change func(*statLine)
		gone   bool
	}{
		"pid given away": {func(s *statLine) { s.start++; s.comm = "next" }, true},
		"exec":           {func(s *statLine) { s.startOfStack++; s.comm = "next" }, false},
		"orphaned":       {func(s *statLine) { s.ppid = 42; s.comm = "next" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.process(7, shell())
			fifo := f.path("7/status")
			if err := os.Remove(fifo); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			r := f.reader()
			type result struct {
				p   *events.Process
				err error
			}
			done := make(chan result)
			go func() {
				p, err := r.Process(7)
				done <- result{p, err}
			}()
			w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			next := shell()
			test.change(&next)
			f.process(7, next)
			w.WriteString(statusOf(7))
			w.Close()
			got := <-done
			if test.gone {
				if !errors.Is(got.err, ErrGone) || got.p != nil {
					t.Errorf("Process = %+v, %v; want ErrGone", got.p, got.err)
				}
				return
			}
			if got.err != nil {
				t.Fatal(got.err)
			}
			if got.p.ThreadName != "next" || int(got.p.ParentPID) != next.ppid {
				t.Errorf("Process = %+v; want it as it is after the change", got.p)
			}
		})
	}
}

func TestAll(t *testing.T) {
	f := fullFake(t)
	zombie := shell()
	zombie.state = "Z"
	f.process(8, zombie)
	f.file("9/x", "")
	f.file("10/stat", "malformed")
	f.file("uptime", "1 2\n")
	r := f.reader()
	var pids []uint32
	err := r.All(func(p *events.Process) bool { pids = append(pids, p.PID); return true })
	slices.Sort(pids)
	if !slices.Equal(pids, []uint32{1, 7}) {
		t.Errorf("All gave %v", pids)
	}
	if err == nil || !strings.Contains(err.Error(), "1 of 6 failed") || !strings.Contains(err.Error(), "process 10") {
		t.Errorf("All: error %v; want the one of process 10", err)
	}
	n := 0
	if err := r.All(func(*events.Process) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("All stopped after %d, %v; want 1", n, err)
	}
	if err := os.RemoveAll(f.root); err != nil {
		t.Fatal(err)
	}
	if err := r.All(func(*events.Process) bool { return true }); err == nil {
		t.Error("All of a /proc that is gone: no error")
	}
}
