// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A helper is this binary again, as a process that uses sockets or files.
type helper struct {
	t     *testing.T
	role  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
}

const beHelper = "SENSOR_TEST_BE_HELPER"

// help starts a helper.
func help(t *testing.T, role string, args ...string) *helper {
	t.Helper()
	return helpIn(t, "", role, args...)
}

// helpIn starts a helper in a directory.
func helpIn(t *testing.T, dir, role string, args ...string) *helper {
	t.Helper()
	h := &helper{t: t, role: role, cmd: exec.Command("/proc/self/exe")}
	h.cmd.Dir = dir
	// Go's scheduler interrupts threads by signals, after which poll does not go on;
	// the race detector lets a process wait for a second before it ends.
	h.cmd.Env = append(os.Environ(), beHelper+"="+role+" "+strings.Join(args, " "), "GODEBUG=asyncpreemptoff=1", "GORACE=atexit_sleep_ms=0")
	h.cmd.Stderr = os.Stderr
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.lines = bufio.NewReader(stdout)
	t.Cleanup(func() { h.cmd.Process.Kill(); h.cmd.Wait() })
	return h
}

func (h *helper) pid() int { return h.cmd.Process.Pid }

// said is the next line of the helper.
func (h *helper) said() string {
	h.t.Helper()
	defer h.limit().Stop()
	line, err := h.lines.ReadString('\n')
	if err != nil {
		h.t.Fatalf("helper %s: %v", h.role, err)
	}
	return strings.TrimSpace(line)
}

// next lets a helper go on that waits before it ends.
func (h *helper) next() {
	h.t.Helper()
	if _, err := h.stdin.Write([]byte("\n")); err != nil {
		h.t.Fatalf("helper %s: %v", h.role, err)
	}
}

// finish lets the helper end and waits for it.
func (h *helper) finish() {
	h.t.Helper()
	defer h.limit().Stop()
	h.stdin.Close()
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("helper %s: %v", h.role, err)
	}
}

func (h *helper) limit() *time.Timer {
	return time.AfterFunc(2*patience, func() { h.cmd.Process.Kill() })
}

// beHelperAs plays the role and ends the process.
func beHelperAs(role string) {
	role, rest, _ := strings.Cut(role, " ")
	os.Unsetenv(beHelper)
	var args []int
	for arg := range strings.FieldsSeq(rest) {
		n, err := strconv.Atoi(arg)
		must(err)
		args = append(args, n)
	}
	switch role {
	case "nothing":
	case "serve":
		serve()
	case "connect":
		connect(args[0], args[1], args[2])
	case "hold":
		hold(args[0])
	case "send":
		send(args[0], args[1])
	case "wait":
		wait()
	case "fork":
		fork(args[0], args[1])
	case "write":
		write(args[0], args[1], args[2])
	case "trickle":
		trickle()
	case "create-delete":
		createDelete(args[0], args[1])
	case "mixed-server":
		mixedServer()
	case "mixed-client":
		mixedClient(args)
	default:
		must(fmt.Errorf("no role %s", role))
	}
	os.Exit(0)
}

// must ends a helper that cannot go on.
func must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "helper: %v\n", err)
		os.Exit(1)
	}
}

// sure is the value of a call that must not fail.
func sure[T any](value T, err error) T {
	must(err)
	return value
}

// released returns when the test lets the helper end.
func released() { io.Copy(io.Discard, os.Stdin) }

func loopback(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func tcpSocket() int { return sure(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) }

// listen gives a listener and its port.
func listen(backlog int) (fd, port int) {
	fd = tcpSocket()
	must(unix.Bind(fd, loopback(0)))
	must(unix.Listen(fd, backlog))
	return fd, portOf(fd)
}

func portOf(fd int) int { return sure(unix.Getsockname(fd)).(*unix.SockaddrInet4).Port }

func accept(listener int) int {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(err)
	return fd
}

// serve accepts, and closes first, until it is released.
func serve() {
	listener, port := listen(4096)
	fmt.Println(port)
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: 0, Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
			continue
		} else {
			must(err)
		}
		if poll[0].Revents == 0 {
			return
		}
		must(unix.Close(accept(listener)))
	}
}

// connect connects n times, each time until the server has closed. Before each
// burst it waits for a word, if there are to be bursts.
func connect(port, n, burst int) {
	for i := range n {
		if burst > 0 && i%burst == 0 && sure(unix.Read(0, make([]byte, 1))) == 0 {
			return
		}
		fd := tcpSocket()
		must(unix.Connect(fd, loopback(port)))
		sure(unix.Read(fd, make([]byte, 1)))
		must(unix.Close(fd))
	}
}

// hold holds both ends of n connections open.
func hold(n int) {
	listener, port := listen(n)
	var fds []int
	for range n {
		fd := tcpSocket()
		must(unix.Connect(fd, loopback(port)))
		fds = append(fds, fd, accept(listener))
	}
	fmt.Println("open")
	released()
	for _, fd := range fds {
		must(unix.Close(fd))
	}
}

// send sends from each of some sockets to so many peers, none of which listens,
// and says how long it took.
func send(sockets, peers int) {
	begin := time.Now()
	for range sockets {
		fd := sure(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
		for i := range peers {
			to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 99, byte(i >> 8), byte(i)}}
			must(unix.Sendto(fd, []byte("hello"), 0, to))
		}
	}
	fmt.Println(time.Since(begin))
	released()
}

// wait fills a listener's queue with one connection and waits with another. It
// says the ports: the listener's and of both.
func wait() {
	listener, port := listen(0)
	first, second := tcpSocket(), tcpSocket()
	must(unix.Connect(first, loopback(port)))
	for { // connected, but not yet in the queue
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, -1)
		if n > 0 {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			must(err)
		}
	}
	must(unix.SetNonblock(second, true))
	if err := unix.Connect(second, loopback(port)); !errors.Is(err, unix.EINPROGRESS) {
		must(fmt.Errorf("connect to a full queue: %w", err))
	}
	fmt.Println(port, portOf(first), portOf(second))
	released()
}

// fork has n children, at most so many at a time, which connect and end.
func fork(port, n int) {
	const together = 8
	address := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(port)<<8 | uint16(port)>>8, Addr: [4]byte{127, 0, 0, 1}}
	for i := range n {
		must(forkConnect(&address))
		if i >= together {
			reap()
		}
	}
	for range min(n, together) {
		reap()
	}
}

// forkConnect has a child that connects and ends. Only system calls can be made
// there: of a program with many threads a child has one.
//
//go:norace
func forkConnect(address *unix.RawSockaddrInet4) error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid > 0 {
		return nil
	}
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(address)), unsafe.Sizeof(*address))
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}

func reap() {
	var status unix.WaitStatus
	sure(unix.Wait4(-1, &status, 0, nil))
	if status != 0 {
		must(fmt.Errorf("a child ended with status %#x", status))
	}
}
