// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is also the processes that the tests look at: what it does is
// in this variable. It says "ready", or why it is not, and ends with its standard input.
const roleVariable = "SENSOR_SNAPSHOT_ROLE"

// TestMain plays a role if one is set.
func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	say, err := play(role)
	if err != nil {
		say = err.Error()
	}
	fmt.Println(say)
	io.Copy(io.Discard, os.Stdin)
}

func play(role string) (say string, err error) {
	name, argument, _ := strings.Cut(role, " ")
	switch name {
	case "wait":
	case "comm":
		err = os.WriteFile("/proc/self/comm", []byte(argument), 0)
	case "ids":
		err = errors.Join(syscall.Setgroups([]int{24, 27}), syscall.Setresgid(11, 12, 13), syscall.Setresuid(21, 22, 23))
	case "threads":
		for range 8 {
			go func() {
				runtime.LockOSThread()
				unix.Pause()
			}()
		}
	case "chroot":
		err = errors.Join(unix.Chroot(argument), unix.Chdir("/"))
	case "leaderless":
		err = endLeader()
	case "report":
		return report(argument)
	default:
		err = fmt.Errorf("no such role: %s", role)
	}
	return "ready", err
}

// endLeader ends the process's first thread alone and returns when it has ended.
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
		os.Exit(0)
	}()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	panic("exit returned")
}

// report reads "ROOT SELF PID": it mounts proc at ROOT unless that is /proc, and
// says when PID started, or that the namespace is refused.
func report(argument string) (string, error) {
	var root string
	var self, pid uint32
	if _, err := fmt.Sscan(argument, &root, &self, &pid); err != nil {
		return "", err
	}
	if root != "/proc" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return "", fmt.Errorf("make mounts private: %w", err)
		}
		if err := unix.Mount("proc", root, "proc", 0, ""); err != nil {
			return "", fmt.Errorf("mount proc: %w", err)
		}
	}
	if self == 1 { // as the kernel would tell: from the initial namespace's proc
		link, err := os.Readlink("/proc/self")
		if err != nil {
			return "", err
		}
		n, err := strconv.ParseUint(link, 10, 32)
		if err != nil {
			return "", err
		}
		self = uint32(n)
	}
	r, err := New(Options{Root: root, Self: self})
	if errors.Is(err, ErrNamespace) {
		return "refused", nil
	}
	if err != nil {
		return "", err
	}
	p, err := r.Process(pid)
	if err != nil {
		return "", err
	}
	_, ok := r.Cmdline(pid, p.StartKey+1)
	return fmt.Sprintf("%d %v", p.StartKey, ok), nil
}

// start runs the test binary in a role until the test ends, and gives what it
// says first. setup may change the command; it skips the test if it is not permitted.
func start(t *testing.T, role string, setup func(*exec.Cmd)) (cmd *exec.Cmd, said string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	if setup != nil {
		setup(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		t.Skipf("start %s: %v", role, err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	said, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("role %s: it says %q, then %v", role, said, err)
	}
	return cmd, strings.TrimSpace(said)
}

// ready starts a role that has to say so.
func ready(t *testing.T, role string, setup func(*exec.Cmd)) uint32 {
	t.Helper()
	cmd, said := start(t, role, setup)
	if said != "ready" {
		t.Fatalf("role %s: %s", role, said)
	}
	return uint32(cmd.Process.Pid)
}

// needRoot skips a test that changes ids, roots or namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}
