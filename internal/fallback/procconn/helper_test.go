// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

// The test binary is also the processes that the tests look at: what it does is
// in this variable. It says "ready", or why it is not.
const roleVariable = "SENSOR_PROCCONN_ROLE"

// TestMain plays a role if one is set.
func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func play(role string) error {
	name, argument, _ := strings.Cut(role, " ")
	switch name {
	case "exit": // with the code
		code, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		os.Exit(code)
	case "kill":
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	case "wait": // for the end of standard input
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(7)
	case "become": // another role, in another image
		return become(argument)
	case "leaderless": // the first thread ends alone, the process with its standard input
		return endLeader()
	case "thread": // that is not the first becomes another role
		done := make(chan error)
		go func() { done <- become(argument) }()
		runtime.LockOSThread() // the first thread stays here
		return <-done
	case "ids":
		if _, err := syscall.Setsid(); err != nil {
			return err
		}
		return errors.Join(syscall.Setresgid(11, 12, 13), syscall.Setresuid(21, 22, 23))
	case "open":
		s := newSource(0)
		_, err := s.Open([]events.Kind{events.KindExec})
		fmt.Println(errors.Join(err, s.Close()))
	}
	return nil
}

func become(role string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(program, []string{program}, []string{roleVariable + "=" + role, noDelay})
}

// noDelay makes a binary with the race detector end at once.
const noDelay = "GORACE=atexit_sleep_ms=0"

// flicker makes a process that ends at once: it has nothing to execute.
func flicker(t *testing.T) {
	t.Helper()
	const program = "/nonexistent/program"
	if _, err := syscall.ForkExec(program, []string{program}, nil); !errors.Is(err, unix.ENOENT) {
		t.Fatalf("ForkExec: %v", err)
	}
}

// endLeader ends the process's first thread alone.
func endLeader() error {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		return errors.New("the main goroutine is not on the first thread")
	}
	go func() {
		for {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid()))
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			runtime.Gosched()
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	syscall.Syscall(syscall.SYS_EXIT, 5, 0, 0)
	panic("exit returned")
}

// command runs the test binary in a role.
func command(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, noDelay)
	cmd.Stderr = os.Stderr
	return cmd
}

// waiting starts a process that says when it is in its last role, and lives until in is closed.
func waiting(t *testing.T, role string) (cmd *exec.Cmd, in io.Closer) {
	t.Helper()
	cmd = command(t, role)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "ready\n" {
		t.Fatalf("role %s: it says %q, %v", role, said, err)
	}
	return cmd, in
}

func newSource(buffer int) *Source {
	return New(Options{
		Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}, IDs: events.NewIDs("boot", Name), Buffer: buffer,
		Proc: func(wall func(uint64) time.Time) (Proc, error) { return snapshot.New(snapshot.Options{Wall: wall}) },
	})
}

// patience is far more than anything here takes.
const patience = 60 * time.Second

// watch is a source that runs, and what it has told.
type watch struct {
	t      *testing.T
	source *Source
	cancel context.CancelFunc
	ended  chan error

	closing func() // if set: when Run has ended, before Close

	mu   sync.Mutex
	told []*events.Event
	more chan struct{} // has an element if told has grown
}

// open opens a source for all kinds that it has; it skips the test where there is no connector.
func open(t *testing.T, buffer int) *Source {
	t.Helper()
	s := newSource(buffer)
	got, err := s.Open(events.Kinds())
	if len(got) < 7 {
		s.Close()
		if os.Geteuid() != 0 || errors.Is(err, unix.EPROTONOSUPPORT) || err != nil && strings.Contains(err.Error(), "namespace") {
			t.Skip(err)
		}
		t.Fatalf("Open = %v, %v", got, err)
	}
	return s
}

func (w *watch) run() {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.ended, w.more = cancel, make(chan error, 1), make(chan struct{}, 1)
	go func() {
		w.ended <- w.source.Run(ctx, func(e *events.Event) {
			w.source.options.Ledger.Delivered(e.Kind, 1)
			w.mu.Lock()
			w.told = append(w.told, e)
			w.mu.Unlock()
			select {
			case w.more <- struct{}{}:
			default:
			}
		})
	}()
}

func start(t *testing.T, buffer int) *watch {
	t.Helper()
	w := &watch{t: t, source: open(t, buffer)}
	w.run()
	return w
}

// of gives the events of a kind that are about a process, in order.
func (w *watch) of(kind events.Kind, pid int) []*events.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*events.Event
	for _, e := range w.told {
		if e.Kind == kind && e.Process.PID == uint32(pid) {
			found = append(found, e)
		}
	}
	return found
}

// until returns when what was told fulfils a condition.
func (w *watch) until(condition func() bool) {
	w.t.Helper()
	for late := time.After(patience); !condition(); {
		select {
		case <-w.more:
		case <-late:
			w.t.Fatal("it is not told")
		}
	}
}

// await returns when a process's exit is told: the kernel tells it after wait(2) may have returned.
func (w *watch) await(pid int) {
	w.t.Helper()
	w.until(func() bool { return len(w.of(events.KindExit, pid)) > 0 })
}

// stop ends the source, checks its accounts, and gives what it has told.
func (w *watch) stop() []*events.Event {
	w.t.Helper()
	w.cancel()
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		w.t.Fatal("Run does not end")
	}
	if w.closing != nil {
		w.closing()
	}
	if err := w.source.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
	if err := w.source.options.Ledger.Read().Check(); err != nil {
		w.t.Error(err)
	}
	return w.told
}
