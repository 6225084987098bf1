// SPDX-License-Identifier: Apache-2.0

// Package vm boots a kernel in QEMU with a root file system made from a Tree and runs one command in it.
package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"sensor/vmtests/guest"
)

// Spec is one run.
type Spec struct {
	Machine Machine
	Tree    *Tree // /init and what the command needs; the configuration is added
	Config  guest.Config
	Timeout time.Duration // from the start of the command to the end marker
}

// Result is how a run went. Code counts only if Ended.
type Result struct {
	Ended     bool // the end marker came
	Expired   bool // the command was still running shortly before the time-out
	TimedOut  bool // the VM did not boot in BootLimit, or said no end until the time-out
	Began     bool // the command was started
	Code      int
	Boot, Run time.Duration
	Kernel    []string // the kernel log's last lines, of a command that failed
	Console   []string // the last lines before the command started, or of its output
	QEMU      string   // what QEMU said
	Archive   []byte   // tar of guest.OutDir, nil if it was not asked for
}

// BootLimit is the time that a VM gets to start the command: 2 to 5 s are usual, on a busy host a minute has been seen.
const BootLimit = 3 * time.Minute

// Run runs a VM to its end; the command's output goes to out as it comes. A command that fails, a VM that dies and a time-out are results,
// not errors.
func Run(ctx context.Context, s Spec, out io.Writer) (*Result, error) {
	s.Config.Soft, s.Config.Hard = deadlines(s.Timeout)
	initramfs, err := s.pack()
	if err != nil {
		return nil, err
	}
	defer initramfs.Close()
	args, err := s.Machine.qemu("/proc/self/fd/3")
	if err != nil {
		return nil, err
	}
	c := &console{mark: s.Config.Mark, out: out}
	var qemuErr bytes.Buffer
	start := time.Now()
	timedOut, err := boot(ctx, args, initramfs, s.Timeout, c, &qemuErr)
	if err != nil {
		return nil, err
	}
	return s.result(c, start, timedOut, qemuErr.String())
}

// deadlines leaves the guest time to dump stacks and its kernel log before the host's time-out.
func deadlines(timeout time.Duration) (soft, hard time.Duration) {
	margin := min(timeout/3, 15*time.Second)
	return timeout - margin, timeout - margin*2/3
}

// pack returns the initramfs as a file without a name: nothing stays behind, however the run ends.
func (s *Spec) pack() (*os.File, error) {
	if err := AddConfig(s.Tree, &s.Config); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "initramfs-")
	if err != nil {
		return nil, fmt.Errorf("create initramfs: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("unlink initramfs: %w", err)
	}
	if err := s.Tree.Pack(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var errTimeUp = errors.New("time is up")

// boot runs QEMU, with the initramfs as descriptor 3, until the console has seen the end marker, QEMU has ended, or time is up.
func boot(ctx context.Context, args []string, initramfs *os.File, timeout time.Duration, c *console, stderr io.Writer) (timedOut bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(BootLimit, func() { cancel(errTimeUp) })
	defer timer.Stop()
	c.onBegin = func() { timer.Reset(timeout) }
	// The signal below comes when the thread that started QEMU ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.ExtraFiles = []*os.File{initramfs}
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return false, fmt.Errorf("start qemu: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, fmt.Errorf("start qemu: %w", err)
	}
	cmd.Cancel = func() error {
		if context.Cause(ctx) == errTimeUp {
			return askWhyHung(stdin)
		}
		return cmd.Process.Kill()
	}
	cmd.WaitDelay = hungGrace
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start qemu (install.sh gets it): %w", err)
	}
	readErr := c.read(stdout)
	if c.ended || readErr != nil {
		cmd.Process.Kill() // all is said; powering off would only take time
	}
	cmd.Wait()                                               // its status adds nothing: without the end marker the run has failed
	if readErr != nil && !errors.Is(readErr, os.ErrClosed) { // closed by exec when hungGrace is over
		return false, readErr
	}
	if context.Cause(ctx) == errTimeUp {
		return !c.ended, nil
	}
	return false, ctx.Err()
}

// askWhyHung makes system requests on the console: a break, which is C-a b to QEMU's multiplexer, and a key. They raise the log level
// and show what each CPU and each blocked task is at; interrupts often still work when nothing else does.
func askWhyHung(console io.Writer) error {
	for _, key := range []string{"9", "l", "w"} {
		if _, err := io.WriteString(console, "\x01b"+key); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond) // the port takes one break at a time
	}
	return nil
}

// hungGrace is the time that a hung VM gets to answer.
const hungGrace = 3 * time.Second

func (s *Spec) result(c *console, start time.Time, timedOut bool, qemu string) (*Result, error) {
	r := &Result{
		Ended:    c.ended,
		Expired:  c.expired,
		TimedOut: timedOut,
		Code:     c.code,
		Kernel:   c.kernel,
		Console:  c.boot,
		QEMU:     qemu,
		Boot:     time.Since(start),
	}
	if !c.began.IsZero() {
		r.Began = true
		r.Boot, r.Run, r.Console = c.began.Sub(start), time.Since(c.began), c.tail
	}
	if s.Config.Out && c.ended {
		if !c.whole {
			return nil, fmt.Errorf("read %s of the VM: archive is damaged", guest.OutDir)
		}
		r.Archive = c.archive.Bytes()
	}
	return r, nil
}
