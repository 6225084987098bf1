// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/multicast"
	"sensor/internal/process/snapshot"
)

// Short processes are all told, each once, in order and with how it ended.
func TestShortProcesses(t *testing.T) {
	w := start(t, 0)
	const processes = 200
	codes := map[int]int{}
	for i := range processes {
		role := fmt.Sprintf("exit %d", i)
		if i%10 == 0 {
			role = "kill"
		}
		cmd := command(t, role)
		cmd.Run()
		codes[cmd.Process.Pid] = i
		if i%10 == 0 {
			codes[cmd.Process.Pid] = 128 + int(unix.SIGKILL)
		}
	}
	for pid := range codes {
		w.await(pid)
	}
	told := w.stop()
	if len(codes) != processes {
		t.Fatalf("a pid was given twice: %d", len(codes))
	}
	seen := map[events.ID]bool{}
	for _, e := range told {
		if e.Kind != events.KindEventsLost && seen[e.ID] {
			t.Errorf("id %v is used twice", e.ID)
		}
		seen[e.ID] = true
	}
	for pid, code := range codes {
		forks, execs, exits := w.of(events.KindFork, pid), w.of(events.KindExec, pid), w.of(events.KindExit, pid)
		if len(forks) != 1 || len(execs) != 1 || len(exits) != 1 {
			t.Errorf("process %d: %d forks, %d execs, %d exits", pid, len(forks), len(execs), len(exits))
			continue
		}
		fork, exit := forks[0], exits[0]
		// The kernel tells no parent if the parent has fetched the end before it is told.
		if fork.Process.ParentPID != uint32(os.Getpid()) || exit.Process.ParentPID != uint32(os.Getpid()) && exit.Process.ParentPID != 0 {
			t.Errorf("process %d: parent %d, then %d; want %d", pid, fork.Process.ParentPID, exit.Process.ParentPID, os.Getpid())
		}
		if got := exit.End.ExitCode(); got != code {
			t.Errorf("process %d: exit code %d; want %d", pid, got, code)
		}
		if f, e, x := slices.Index(told, fork), slices.Index(told, execs[0]), slices.Index(told, exit); f > e || e > x {
			t.Errorf("process %d: fork is number %d, exec %d, exit %d", pid, f, e, x)
		}
		// The wall clock may be adjusted meanwhile.
		if age := time.Since(fork.Time); age > patience || exit.Time.Sub(fork.Time) < -time.Second || time.Since(exit.Time) < -time.Second {
			t.Errorf("process %d: fork at %v, exec at %v, exit at %v", pid, fork.Time, execs[0].Time, exit.Time)
		}
		for _, e := range []*events.Event{fork, execs[0], exit} {
			if p := e.Process; !p.Start.IsZero() && (p.Start.Sub(e.Time) > time.Second || e.Time.Sub(p.Start) > patience) {
				t.Errorf("process %d: %v at %v, but it started at %v", pid, e.Kind, e.Time, p.Start)
			}
		}
	}
	if lost := w.source.options.Ledger.Read().Lost(); lost > 0 {
		t.Errorf("%d messages are lost", lost)
	}
}

// A process that lives is described as /proc does; those before are already running.
func TestLongProcess(t *testing.T) {
	w := start(t, 0)
	cmd, in := waiting(t, "wait")
	pid := cmd.Process.Pid
	w.until(func() bool { return len(w.of(events.KindExec, pid)) > 0 })
	proc, err := snapshot.New(snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := proc.Process(uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	cmd.Wait()
	w.await(pid)
	w.stop()
	exec, fork := w.of(events.KindExec, pid)[0].Process, w.of(events.KindFork, pid)[0].Process
	if exec.Executable != want.Executable || exec.Args != want.Args || exec.StartKey != want.StartKey || exec.StartKey == 0 ||
		exec.Namespaces != want.Namespaces || !exec.Credentials.Known {
		t.Errorf("exec:\n got %+v\nwant %+v", exec, want)
	}
	if fork.Executable.Name != "" || fork.Args.Packed != "" || fork.CreatorPID != uint32(os.Getpid()) {
		t.Errorf("fork: %+v", fork)
	}
	if n := len(w.of(events.KindAlreadyRunning, os.Getpid())); n != 1 {
		t.Errorf("this process is told as already running %d times", n)
	}
	if n := len(w.of(events.KindAlreadyRunning, pid)); n != 0 {
		t.Errorf("the new process is told as already running %d times", n)
	}
}

// A process ends with its last thread, not with its first.
func TestLeaderEndsFirst(t *testing.T) {
	w := start(t, 0)
	cmd, in := waiting(t, "leaderless")
	// What another process does after this is told after it.
	other := command(t, "exit 0")
	if err := other.Run(); err != nil {
		t.Fatal(err)
	}
	w.await(other.Process.Pid)
	if exits := w.of(events.KindExit, cmd.Process.Pid); len(exits) > 0 {
		t.Errorf("its end is told while it lives: %+v", exits[0])
	}
	in.Close()
	cmd.Wait()
	w.await(cmd.Process.Pid)
	w.stop()
	exits := w.of(events.KindExit, cmd.Process.Pid)
	if len(exits) != 1 || exits[0].End.ExitCode() != cmd.ProcessState.ExitCode() || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("%d exits, the first with %+v; wait says %v", len(exits), exits[0].End, cmd.ProcessState)
	}
}

// A thread that executes a program ends the leader and takes its place: no end of the process.
func TestExecOfThread(t *testing.T) {
	w := start(t, 0)
	var pids []int
	for range 20 {
		cmd, in := waiting(t, "thread wait")
		pid := cmd.Process.Pid
		w.until(func() bool { return len(w.of(events.KindExec, pid)) == 2 })
		in.Close()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 7 {
			t.Fatalf("exit code %d", code)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		w.await(pid)
	}
	w.stop()
	for _, pid := range pids {
		exits, execs := w.of(events.KindExit, pid), w.of(events.KindExec, pid)
		if len(exits) != 1 || exits[0].End.ExitCode() != 7 || len(execs) != 2 {
			t.Errorf("process %d: %d execs, %d exits, the first with %+v", pid, len(execs), len(exits), exits[0].End)
		}
		if e, ok := w.source.leaders[uint32(pid)]; ok { // of the host's other processes some may be
			t.Errorf("process %d is followed still: %v", pid, e)
		}
	}
}

// What is told late is told of the past: what came after is known by then.
func TestBehind(t *testing.T) {
	w := &watch{t: t, source: open(t, 0)}
	cmd, in := waiting(t, "become become wait")
	pid := cmd.Process.Pid
	s := w.source
	for range 3 {
		s.intake.messages <- message{what: netlink.PROC_EVENT_EXEC, pid: uint32(pid), tgid: uint32(pid), time: s.live + uint64(time.Hour)}
		s.intake.execs[uint32(pid)]++
	}
	var told []*events.Event
	emit := func(e *events.Event) {
		s.options.Ledger.Delivered(e.Kind, 1)
		told = append(told, e)
	}
	// The end of a leader whose place was taken since.
	s.receive(&message{what: netlink.PROC_EVENT_EXIT, pid: uint32(pid), tgid: uint32(pid), time: s.live + uint64(time.Hour)}, emit)
	for len(s.intake.messages) > 0 {
		m := <-s.intake.messages
		s.receive(&m, emit)
	}
	in.Close()
	cmd.Wait()
	w.run()
	w.await(pid)
	w.stop()
	var images []string
	for _, e := range told {
		images = append(images, fmt.Sprint(e.Kind, " ", e.Process.Executable.Base(), " ", e.Process.StartKey != 0))
	}
	if want := []string{"exec  true", "exec  true", "exec " + filepath.Base(cmd.Path) + " true"}; !slices.Equal(images, want) {
		t.Errorf("told %q; want %q", images, want)
	}
}

func TestIDs(t *testing.T) {
	w := start(t, 0)
	cmd := command(t, "ids")
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pid := cmd.Process.Pid
	w.await(pid)
	w.stop()
	uids, gids, sessions := w.of(events.KindUIDChange, pid), w.of(events.KindGIDChange, pid), w.of(events.KindSessionIDChange, pid)
	if len(uids) == 0 || len(gids) == 0 || len(sessions) != 1 { // of ids each thread has its own
		t.Fatalf("%d uid changes, %d gid changes, %d session changes", len(uids), len(gids), len(sessions))
	}
	if c := uids[0].Process.Credentials; c.Real.ID != 21 || c.Effective.ID != 22 {
		t.Errorf("uids %d and %d", c.Real.ID, c.Effective.ID)
	}
	if c := gids[0].Process.Credentials; c.RealGroup.ID != 11 || c.EffectiveGroup.ID != 12 {
		t.Errorf("gids %d and %d", c.RealGroup.ID, c.EffectiveGroup.ID)
	}
	if p := sessions[0].Process; p.SessionPID != uint32(pid) {
		t.Errorf("session %d", p.SessionPID)
	}
	threads := map[uint32]bool{}
	for _, e := range uids {
		threads[e.Process.TID] = true
	}
	if !threads[uint32(pid)] {
		t.Errorf("threads %v; want the first among them", threads)
	}
}

// A buffer that is too small loses messages. Another listener, whose buffer is
// large enough, knows exactly which.
func TestOverrun(t *testing.T) {
	large := open(t, 64<<20)
	small := open(t, 1)
	defer large.Close()
	defer small.Close()
	type number struct{ cpu, sequence uint32 }
	drain := func(s *Source, seen map[number]bool) {
		var buffer [messageRoom]byte
		for {
			received, err := s.intake.socket.Receive(buffer[:], false)
			switch {
			case errors.Is(err, multicast.ErrEmpty):
				return
			case errors.Is(err, unix.ENOBUFS):
				continue
			case err != nil:
				t.Fatal(err)
			}
			s.intake.receive(received, func(m *message) bool {
				seen[number{m.cpu, m.sequence}] = true
				return false
			})
		}
	}
	got, all := map[number]bool{}, map[number]bool{}
	begun := map[uint32]uint32{}
	for cpu, counts := range small.intake.counts.cpus { // by the answer to the subscription
		begun[cpu] = counts.next
	}
	for range 100 {
		for range 5 {
			flicker(t)
		}
		drain(small, got)
	}
	drain(large, all)
	for n := range got {
		if first, ok := begun[n.cpu]; !ok || int32(n.sequence-first) < 0 {
			begun[n.cpu] = n.sequence
		}
	}
	if none, _ := large.intake.losses(); len(none) > 0 {
		t.Fatalf("the large buffer is too small: %+v", none)
	}
	told := map[int]uint64{}
	lost, _ := small.intake.losses()
	for _, loss := range lost {
		told[loss.CPU] = loss.Count
	}
	sum := uint64(0)
	for cpu, counts := range small.intake.counts.cpus {
		want := uint64(0)
		for n := range all {
			if n.cpu == cpu && int32(n.sequence-begun[cpu]) >= 0 && int32(n.sequence-counts.next) < 0 && !got[n] {
				want++
			}
		}
		if told[int(cpu)] != want {
			t.Errorf("cpu %d: %d of %d are told as lost; want %d", cpu, told[int(cpu)], len(all), want)
		}
		sum += want
	}
	drops, err := small.intake.socket.Drops()
	if err != nil {
		t.Fatal(err)
	}
	if sum == 0 || uint64(drops) < sum {
		t.Errorf("%d are missing, the kernel says %d", sum, drops)
	}
}

// What is lost is in the stream and in the accounts.
func TestLossIsTold(t *testing.T) {
	w := &watch{t: t, source: open(t, 1)}
	for range 300 {
		flicker(t)
	}
	w.run()
	for range 10 {
		flicker(t)
	}
	var told uint64
	var drops uint32
	w.closing = func() {
		var err error
		if drops, err = w.source.intake.socket.Drops(); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range w.stop() {
		if e.Kind == events.KindEventsLost {
			told += e.Loss.Count
		}
	}
	balance := w.source.options.Ledger.Read()
	if n := balance.Dropped["socket"]["unknown"]; n != told || told != uint64(drops) || drops == 0 {
		t.Errorf("%d are counted as lost, %d are told; the kernel says %d", n, told, drops)
	}
}

// Where the connector cannot serve it says why.
func TestReasons(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	tests := map[string]struct {
		flags uintptr
		want  string
	}{
		"network namespace": {unix.CLONE_NEWNET, "not in the initial network namespace"},
		"user namespace":    {unix.CLONE_NEWUSER, "not in the initial user namespace"},
	}
	for name, test := range tests {
		cmd := command(t, "open")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: test.flags}
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(string(out), test.want) {
			t.Errorf("%s: it says %q; want %q", name, out, test.want)
		}
	}
}

// What already runs is told also where the connector does not serve.
func TestRunningAlone(t *testing.T) {
	w := &watch{t: t, source: newSource(0)}
	if got, err := w.source.Open([]events.Kind{events.KindAlreadyRunning}); len(got) != 1 || err != nil {
		t.Skip(err)
	}
	w.run()
	w.until(func() bool { return len(w.of(events.KindAlreadyRunning, os.Getpid())) == 1 })
	w.stop()
}

// Kinds that it does not know are not its business.
func TestOpenOthers(t *testing.T) {
	s := newSource(0)
	if got, err := s.Open([]events.Kind{events.KindConnect, events.KindAudit}); len(got) > 0 || err != nil || len(s.Plan()) > 0 {
		t.Errorf("Open = %v, %v; plan %v", got, err, s.Plan())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
