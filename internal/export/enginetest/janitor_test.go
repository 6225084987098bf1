// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// asTestBinary is a variable of the environment that makes this test binary do what one does that starts an engine.
const asTestBinary = "ENGINETEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asTestBinary); dir != "" {
		fmt.Println(startSleepers(dir))
		select {}
	}
	os.Exit(m.Run())
}

// startSleepers starts a process with a child of its own, and returns its group.
func startSleepers(dir string) (group int, err error) {
	j, err := startJanitor(dir)
	if err != nil {
		return 0, err
	}
	p, err := startProcess(command{path: "/bin/sh", args: []string{"-c", "sleep 1000 & wait"}, dir: "/", log: filepath.Join(dir, "output")})
	if err != nil {
		return 0, err
	}
	return p.group(), j.watch(p.group())
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal(what)
		}
	}
}

// TestNothingIsLeft kills a test binary and looks what is left of its engine.
func TestNothingIsLeft(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "engine with a space")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	binary := exec.Command(self)
	binary.Env = append(os.Environ(), asTestBinary+"="+dir)
	output, err := binary.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := binary.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	var group int
	if _, err := fmt.Sscanf(line, "%d <nil>", &group); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if err != nil || !groupRuns(group) || !exists(filepath.Join(dir, "output")) {
		t.Fatalf("%q: nothing runs (%v)", line, err)
	}
	if err := binary.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = binary.Wait() // it was killed
	eventually(t, "processes are left", func() bool { return !groupRuns(group) })
	eventually(t, "files are left", func() bool { return !exists(dir) })
}

func TestKillEndsTheGroup(t *testing.T) {
	p, err := startProcess(command{path: "/bin/sh", args: []string{"-c", "sleep 1000 & wait"}, dir: "/", log: filepath.Join(t.TempDir(), "output")})
	if err != nil {
		t.Fatal(err)
	}
	if !groupRuns(p.group()) {
		t.Error("the group does not run")
	}
	if err := p.kill(); err != nil {
		t.Fatal(err)
	}
	if groupRuns(p.group()) {
		t.Error("the group still runs")
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", p.err)
	}
}

func TestProcessThatCannotStart(t *testing.T) {
	if _, err := startProcess(command{path: "/nonexistent", dir: "/", log: filepath.Join(t.TempDir(), "output")}); err == nil {
		t.Error("no error")
	}
}
