// SPDX-License-Identifier: Apache-2.0

package acts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	timeout = 60 * time.Second
	grace   = 5 * time.Second // after SIGTERM, for an act to put settings back
)

// Running is an act that was started and not finished yet.
type Running struct {
	t      testing.TB
	name   string
	older  bool
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
	dir    string // for the act's files
	output string // file with its lines
	done   chan error
	over   bool // nothing is left of it
}

// Run runs an act to its end and returns what it said. An act that fails or
// takes too long fails the test.
func Run(t testing.TB, name string) Result {
	t.Helper()
	return Start(t, name).Finish()
}

// Start starts an act. An older one is ready, and waits for Finish, when Start
// returns.
func Start(t testing.TB, name string) *Running {
	t.Helper()
	r := &Running{t: t, name: name, done: make(chan error, 1), stderr: &bytes.Buffer{}}
	for _, act := range List(t) {
		if act.Name == name {
			r.older = act.Older
		}
	}
	var err error
	// Not t.TempDir: an unprivileged process of an act has to reach it, and an act must not see a long path.
	if r.dir, err = os.MkdirTemp("", "acts-"); err != nil {
		t.Fatalf("run act %s: %v", name, err)
	}
	t.Cleanup(func() { os.RemoveAll(r.dir) })
	if err = os.Chmod(r.dir, 0o755); err != nil {
		t.Fatalf("run act %s: %v", name, err)
	}
	r.output = filepath.Join(r.dir, "output")
	// A file for appending takes each write whole, however many processes share it.
	output, err := os.OpenFile(r.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatalf("run act %s: %v", name, err)
	}
	defer output.Close()
	token := strconv.FormatInt(time.Now().UnixNano(), 36)
	r.cmd = exec.Command(filepath.Join(Build(t), "acts"), name, token)
	r.cmd.Dir = "/"
	r.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + r.dir}
	r.cmd.Stdout, r.cmd.Stderr = output, r.stderr
	r.cmd.WaitDelay = grace // a leftover may hold stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		t.Fatalf("run act %s: %v", name, err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("run act %s: %v", name, err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	t.Cleanup(r.kill)
	if r.older {
		r.waitReady()
	}
	return r
}

func (r *Running) waitReady() {
	r.t.Helper()
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(r.output)
		if err != nil || bytes.Contains(text, []byte(`{"ready":true}`)) {
			return
		}
		select {
		case err := <-r.done: // it skips, or failed: Finish says so
			r.done <- err
			return
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("run act %s: not ready within %v\n%s", r.name, timeout, text)
		}
	}
}

// Finish lets an older act go on, waits for the end and returns what it said.
func (r *Running) Finish() Result {
	r.t.Helper()
	r.stdin.Close()
	var err error
	select {
	case err = <-r.done:
	case <-time.After(timeout):
		err = fmt.Errorf("no end within %v", timeout)
	}
	r.kill()
	text, readErr := os.ReadFile(r.output)
	result, parseErr := parse(text)
	if err := errors.Join(err, readErr, parseErr); err != nil {
		r.t.Fatalf("run act %s: %v\n%s%s", r.name, err, r.stderr, text[max(0, len(text)-2000):])
	}
	result.Name, result.PID, result.Args, result.Output = r.name, r.cmd.Process.Pid, r.cmd.Args, r.output
	if result.Skip == "" {
		result.expectRoot(r.older)
	}
	return result
}

// expectRoot adds what is known of the act's first process.
func (r *Result) expectRoot(older bool) {
	args := make([]any, len(r.Args))
	for i, arg := range r.Args {
		args[i] = arg
	}
	image := map[string]any{"process.args": args, "process.parent.pid": os.Getpid()}
	if older {
		r.Expect = append(r.Expect, Expectation{Action: "already_running", PID: r.PID, Fields: image})
	} else {
		r.Expect = append(r.Expect,
			Expectation{Action: "fork", PID: r.PID, Fields: map[string]any{"process.parent.pid": os.Getpid()}},
			Expectation{Action: "exec", PID: r.PID, Fields: image})
	}
	r.Expect = append(r.Expect, Expectation{Action: "end", PID: r.PID, Fields: map[string]any{"process.exit_code": 0}})
}

// kill ends what is left of the act: its own process first by SIGTERM, so that
// it undoes what it changed, then its group, then whoever has its output.
func (r *Running) kill() {
	if r.over {
		return
	}
	r.over = true
	pid := r.cmd.Process.Pid
	select {
	case err := <-r.done:
		r.done <- err
	default:
		if r.cmd.Process.Signal(syscall.SIGTERM) == nil {
			select {
			case err := <-r.done:
				r.done <- err
			case <-time.After(grace):
			}
		}
	}
	syscall.Kill(-pid, syscall.SIGKILL)
	for deadline := time.Now().Add(grace); ; time.Sleep(5 * time.Millisecond) {
		holders := r.holders()
		for _, pid := range holders {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(holders) == 0 || time.Now().After(deadline) {
			return
		}
	}
}

// holders are the processes whose standard output is the act's.
func (r *Running) holders() (pids []int) {
	outputs, _ := filepath.Glob("/proc/[0-9]*/fd/1")
	for _, link := range outputs {
		if target, err := os.Readlink(link); err != nil || target != r.output {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link)))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
