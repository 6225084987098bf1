// SPDX-License-Identifier: Apache-2.0

// Command victim does to a VM what the runner has to notice.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	var err error
	switch os.Args[1] {
	case "exit":
		fmt.Print("unfinished line")
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case "signal":
		unix.Kill(os.Getpid(), unix.SIGKILL)
	case "look":
		err = look(os.Args[2:])
	case "files":
		err = files()
	case "orphan": // holds the output open for longer than the run may take
		err = (&exec.Cmd{Path: "/proc/self/exe", Args: []string{"victim", "hang"}, Stdout: os.Stdout, SysProcAttr: &unix.SysProcAttr{Setsid: true}}).Start()
	case "hang":
		time.Sleep(time.Hour)
	case "starve":
		err = starve()
	case "panic":
		err = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	case "vanish":
		fmt.Println("::vm-0123456789 end 0")
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
}

// look prints the files' contents.
func look(names []string) error {
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s", name, b)
	}
	return nil
}

func files() error {
	if err := os.MkdirAll("/out/a/b", 0o755); err != nil {
		return err
	}
	if err := os.Symlink("/etc/passwd", "/out/link"); err != nil {
		return err
	}
	return os.WriteFile("/out/a/b/file", []byte("line\r\n\x00\xff"), 0o600)
}

// starve leaves no time to anything else on the only CPU.
func starve() error {
	if err := os.WriteFile("/proc/sys/kernel/sched_rt_runtime_us", []byte("-1"), 0); err != nil {
		return err
	}
	runtime.LockOSThread()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 99}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return err
	}
	for {
	}
}
