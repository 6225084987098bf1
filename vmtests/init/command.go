// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sensor/vmtests/guest"
)

// runCommand runs the command in a session of its own and returns its exit code, 128+n for signal n. It reaps orphans meanwhile. When
// it returns, no other process is left and all output has been written to the console.
func runCommand(cfg *guest.Config, rep *reporter) (int, error) {
	// A pipe, as under go test: a command must not take the console for a user's terminal.
	r, w, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("make pipe: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("open input: %w", err)
	}
	pid, err := syscall.ForkExec(cfg.Command[0], cfg.Command, &syscall.ProcAttr{
		Dir:   cfg.Dir,
		Env:   cfg.Env,
		Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", cfg.Command[0], err)
	}
	null.Close()
	w.Close()
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(rep, r)
		copied <- err
	}()
	soft := time.AfterFunc(cfg.Soft, func() {
		rep.line(guest.Expire)
		unix.Kill(-pid, unix.SIGQUIT) // Go programs dump their goroutines
	})
	hard := time.AfterFunc(cfg.Hard, func() { unix.Kill(-pid, unix.SIGKILL) })

	code, err := reapUntil(pid)
	if err != nil {
		return 0, err
	}
	expired := !soft.Stop()
	hard.Stop()
	if expired {
		code = guest.TimeoutCode
	}
	if err := killRest(); err != nil {
		return 0, err
	}
	if err := <-copied; err != nil {
		return 0, fmt.Errorf("copy output: %w", err)
	}
	return code, nil
}

func reapUntil(pid int) (int, error) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for command: %w", err)
		case got != pid:
		case ws.Signaled():
			return 128 + int(ws.Signal()), nil
		default:
			return ws.ExitStatus(), nil
		}
	}
}

// killRest ends what the command left behind: it would hold the output pipe open and write between the reports.
func killRest() error {
	for {
		if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill rest: %w", err)
		}
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("reap rest: %w", err)
		}
	}
}
