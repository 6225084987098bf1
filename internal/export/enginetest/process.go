// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

type command struct {
	path      string
	args, env []string
	dir       string
	log       string // file that its output is added to
}

// process is a program with all that it has started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of its end; read it after ended
}

// startProcess starts a program as leader of a session of its own, as a user without privileges if we are root. The kernel kills
// it when we end.
func startProcess(c command) (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start process: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: userID, Gid: userID}
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// For the kernel the parent is a thread: this one lives as long as the process.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start process: %w", err)
	}
	return p, nil
}

func (p *process) group() int { return p.cmd.Process.Pid }

// kill ends the process and its group, and returns when none of them does anything any more.
func (p *process) kill() error {
	group := p.group()
	if err := syscall.Kill(-group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill engine: %w", err)
	}
	<-p.ended
	for begin := time.Now(); groupRuns(group); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("kill engine: group %d still runs", group)
		}
	}
	return nil
}

// groupRuns tells whether a process group has a process that is not dead. Those whose parent is gone are somebody else's to wait for.
func groupRuns(group int) bool {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return false
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone
		}
		_, rest, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte{' '})
		fields := bytes.Fields(rest) // state, parent, group
		if len(fields) > 2 && string(fields[2]) == strconv.Itoa(group) && string(fields[0]) != "Z" && string(fields[0]) != "X" {
			return true
		}
	}
	return false
}
