// SPDX-License-Identifier: Apache-2.0

package events

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestEnd(t *testing.T) {
	for _, test := range []struct {
		name         string
		status       uint32
		code, signal int
		core         bool
	}{
		{"success", 0, 0, 0, false},
		{"exit 1", 1 << 8, 1, 0, false},
		{"exit 255", 255 << 8, 255, 0, false},
		{"exit 256 is 0", 256 << 8 & 0xffff, 0, 0, false},
		{"SIGHUP", 1, 129, 1, false},
		{"SIGKILL", 9, 137, 9, false},
		{"SIGSEGV with core", 11 | 0x80, 139, 11, true},
		{"SIGSEGV without core", 11, 139, 11, false},
		{"last real-time signal", 64, 192, 64, false},
		{"bits above are the kernel's own", 3<<8 | 1<<16, 3, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := End{Status: test.status}
			if e.ExitCode() != test.code || e.Signal() != test.signal || e.CoreDumped() != test.core {
				t.Errorf("got code %d, signal %d, core %v; want %d, %d, %v",
					e.ExitCode(), e.Signal(), e.CoreDumped(), test.code, test.signal, test.core)
			}
		})
	}
}

// The kernel's own words, and what a shell makes of them.
func TestEndOfShell(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143} {
		cmd := exec.Command("sh", "-c", script)
		_ = cmd.Run() // the status says all
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok {
			t.Fatalf("%s: no wait status", script)
		}
		if got := (End{Status: uint32(status)}).ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", script, got, want)
		}
	}
}
