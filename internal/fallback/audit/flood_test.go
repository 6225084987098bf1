// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/netlink"
)

// flood changes a file's mode n times.
func flood(t *testing.T, n int) {
	t.Helper()
	if err := actor(n, t.TempDir(), "flood").Run(); err != nil {
		t.Fatal(err)
	}
}

// settle waits until the kernel has handed out what it has.
func settle(t *testing.T, control *netlink.Control) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		status, err := control.Status()
		if err != nil {
			t.Fatal(err)
		}
		if status.Backlog == 0 {
			return
		}
	}
	t.Fatal("the kernel keeps records")
}

func (l *live) lost(reason events.Reason) (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.told {
		if e.Kind == events.KindEventsLost && e.Loss.Stage == reason {
			n += e.Loss.Count
		}
	}
	return n
}

// Beside another daemon what overruns the buffer is lost, and counted as the kernel counts it.
func TestFloodOverrunsSocket(t *testing.T) {
	control := audittest.Lock(t)
	daemon := own(t)
	stop := make(chan struct{})
	drained := make(chan error, 1)
	go func() { // a daemon that reads
		for {
			select {
			case <-stop:
				drained <- nil
				return
			default:
				if _, err := daemon.Receive(time.Second); err != nil {
					drained <- err
					return
				}
			}
		}
	}()
	l := open(t, []events.Kind{events.KindExec, events.KindFileAttributes}, func(o *Options) {
		o.Beside = true
		o.Buffer = 64 << 10
	})
	if variant := l.Plan()[0].Variant; variant != multicast {
		t.Fatalf("variant %s", variant)
	}
	port, err := l.stream.Port()
	if err != nil {
		t.Fatal(err)
	}
	flood(t, 1000)
	settle(t, control)
	if kernelDrops(t, port) == 0 {
		t.Fatal("the flood does not overrun the buffer")
	}
	l.run() // reads what has found room
	l.actUntilTold("after")
	l.end()
	want := kernelDrops(t, port)
	if got := l.lost(events.ReasonSocket); got != want {
		t.Errorf("%d records told as lost, the kernel counted %d", got, want)
	}
	balance := l.ledger.Read()
	if n := balance.Dropped["socket"]["unknown"]; n != want {
		t.Errorf("%d in the ledger, want %d", n, want)
	}
	if n := balance.Lost(); n != want {
		t.Errorf("%d lost for all reasons, want %d: %s", n, want, balance)
	}
	close(stop)
	if err := errors.Join(daemon.Wake(), <-drained); err != nil {
		t.Error(err)
	}
}

// kernelDrops is how the kernel counts what it could not give to a socket.
func kernelDrops(t *testing.T, port uint32) uint64 {
	t.Helper()
	table, err := os.ReadFile("/proc/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		var socket string
		var family, pid, groups, drops uint64
		var rest [4]uint64
		if n, _ := fmt.Sscanf(line, "%s %d %d %x %d %d %d %d %d", &socket, &family, &pid, &groups,
			&rest[0], &rest[1], &rest[2], &rest[3], &drops); n == 9 && family == unix.NETLINK_AUDIT && uint32(pid) == port {
			return drops
		}
	}
	t.Fatalf("no socket %d in %s", port, table)
	return 0
}

// Alone, what overruns the kernel's queue is lost, and counted as the kernel counts it.
func TestFloodOverrunsBacklog(t *testing.T) {
	control := audittest.Lock(t)
	l := open(t, []events.Kind{events.KindExec, events.KindFileAttributes}, func(o *Options) { o.Buffer = 64 << 10 })
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Set(libaudit.AuditStatus{Mask: libaudit.AuditStatusBacklogLimit, BacklogLimit: 16}); err != nil {
		t.Fatal(err)
	}
	lost := func() uint64 {
		status, err := control.Status()
		if err != nil {
			t.Fatal(err)
		}
		return uint64(status.Lost - before.Lost)
	}
	for end := time.Now().Add(patience); lost() == 0; { // nobody reads
		flood(t, 100)
		if time.Now().After(end) {
			t.Fatal("the flood does not overrun the queue")
		}
	}
	if err := control.Set(libaudit.AuditStatus{Mask: libaudit.AuditStatusBacklogLimit, BacklogLimit: 8192}); err != nil {
		t.Fatal(err)
	}
	l.run()
	l.actUntilTold("after")
	l.end()
	want := lost()
	if got := l.lost(events.ReasonBacklog); got != want {
		t.Errorf("%d records told as lost, the kernel counted %d", got, want)
	}
	if got := l.ledger.Read().Dropped["backlog"]["unknown"]; got != want {
		t.Errorf("%d in the ledger, the kernel counted %d", got, want)
	}
}

// What the kernel could not send several times it drops without counting it.
// The holes in the serials tell: no act is neither told nor counted.
func TestNotReading(t *testing.T) {
	audittest.Lock(t)
	l := open(t, []events.Kind{events.KindExec, events.KindFileAttributes}, func(o *Options) { o.Buffer = 64 << 10 })
	var acts uint64
	for begin := time.Now(); time.Since(begin) < 3*time.Second; acts += 100 {
		flood(t, 100)
	}
	l.run()
	l.actUntilTold("after")
	l.end()
	balance := l.ledger.Read()
	if told, lost := balance.Generated["file_attributes"], balance.Lost(); lost == 0 || told+lost < acts {
		t.Errorf("%d told and %d lost of %d: %s", told, lost, acts, balance)
	}
}

// actUntilTold acts until an act is told: the first may be among those that are lost.
func (l *live) actUntilTold(argument string) {
	l.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := actor(0, "", argument).Run(); err != nil {
			l.t.Fatal(err)
		}
		l.mu.Lock()
		told := slices.ContainsFunc(l.told, execOf(argument))
		l.mu.Unlock()
		if told {
			return
		}
	}
	l.t.Fatal("no exec is told")
}

// A flood that is read is not lost, and the kernel's log stays silent from Open to Close.
func TestNothingInKernelLog(t *testing.T) {
	control := audittest.Lock(t)
	if status, err := control.Status(); err != nil || status.Enabled != 0 {
		t.Skipf("audit is on without us, enabled is %d, and nobody reads: %v", status.Enabled, err)
	}
	log, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip(err)
	}
	defer log.Close()
	if _, err := log.Seek(0, unix.SEEK_END); err != nil {
		t.Fatal(err)
	}
	l := open(t, []events.Kind{events.KindExec, events.KindFileAttributes}, nil)
	l.run()
	flood(t, 1000)
	act(t, "last")
	l.wait("the last exec", execOf("last"))
	l.end()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if balance := l.ledger.Read(); balance.Lost() != 0 || balance.Generated["file_attributes"] < 1000 {
		t.Errorf("accounts: %s", balance)
	}
	raw, err := log.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 8192)
	for {
		var n int
		var readErr error
		if err := raw.Control(func(fd uintptr) { n, readErr = unix.Read(int(fd), line) }); err != nil {
			t.Fatal(err)
		}
		if errors.Is(readErr, unix.EAGAIN) {
			return
		}
		if readErr != nil {
			t.Fatal(readErr)
		}
		if text := string(line[:n]); strings.Contains(text, "audit") {
			t.Errorf("the kernel's log: %s", text)
		}
	}
}
