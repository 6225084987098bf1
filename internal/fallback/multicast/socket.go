// SPDX-License-Identifier: Apache-2.0

// Package multicast reads what the kernel tells the members of netlink groups: it is how
// procconn and sockdiag listen. Audit, which is also a dialogue, has its own package netlink.
package multicast

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is a netlink socket that waits in the runtime's poller. Receive is for
// one goroutine, the other methods for any.
type Socket struct {
	file *os.File
	raw  syscall.RawConn
}

// Open makes a socket of a netlink protocol and joins groups, which are numbered
// from 1. buffer is how many bytes of messages, with the kernel's overhead, may
// wait to be read. It needs CAP_NET_ADMIN on every kernel.
func Open(protocol int, buffer int, groups ...int) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s := &Socket{file: os.NewFile(uintptr(fd), "netlink")}
	if err := s.prepare(fd, buffer, groups); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Socket) prepare(fd, buffer int, groups []int) error {
	// Some kernels let anybody join some groups. But whoever lacks this capability
	// lacks also what it takes to find out more, and is to be told so.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer); err != nil {
		return fmt.Errorf("size netlink buffer, which needs CAP_NET_ADMIN: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	for _, group := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			return fmt.Errorf("join netlink group: %w", err)
		}
	}
	var err error
	s.raw, err = s.file.SyscallConn()
	return err
}

// Send sends one message to the kernel.
func (s *Socket) Send(message []byte) error {
	var sent error
	err := s.raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(sent, unix.EAGAIN)
	})
	if err := errors.Join(err, sent); err != nil {
		return fmt.Errorf("send to netlink socket: %w", err)
	}
	return nil
}

// ErrEmpty says that nothing is there to be read.
var ErrEmpty = errors.New("no message")

// Receive reads what one message brought, at most as long as the buffer. With
// wait it waits until the deadline. The error wraps [ErrEmpty] if nothing came,
// [unix.ENOBUFS] if messages are lost and more can be read, [os.ErrClosed] after
// Close.
func (s *Socket) Receive(buffer []byte, wait bool) ([]byte, error) {
	for {
		var n int
		var from unix.Sockaddr
		var received error
		err := s.raw.Read(func(fd uintptr) bool {
			n, from, received = unix.Recvfrom(int(fd), buffer, 0)
			return !wait || !errors.Is(received, unix.EAGAIN)
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), err == nil && errors.Is(received, unix.EAGAIN):
			return nil, ErrEmpty
		case errors.Is(received, unix.EINTR):
			continue
		case err != nil || received != nil:
			return nil, fmt.Errorf("read netlink socket: %w", errors.Join(err, received))
		}
		// Whoever may send to the groups could tell tales: only the kernel has port 0.
		if kernel, ok := from.(*unix.SockaddrNetlink); ok && kernel.Pid == 0 {
			return buffer[:n], nil
		}
	}
}

// Drops counts the messages for which there was no room, since the socket was
// opened. Linux before 4.12 does not tell.
func (s *Socket) Drops() (uint32, error) {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	var counts [drops + 1]uint32
	size := uint32(unsafe.Sizeof(counts))
	var errno unix.Errno
	err := s.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&counts)), uintptr(unsafe.Pointer(&size)), 0)
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("count drops of netlink socket: %w", err)
	case errno != 0:
		return 0, fmt.Errorf("count drops of netlink socket: %w", errno)
	}
	return counts[drops], nil
}

// Leave leaves a group. What was told until then can still be read.
func (s *Socket) Leave(group int) error {
	var left error
	err := s.raw.Control(func(fd uintptr) {
		left = unix.SetsockoptInt(int(fd), unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, group)
	})
	if err := errors.Join(err, left); err != nil {
		return fmt.Errorf("leave netlink group: %w", err)
	}
	return nil
}

// SetDeadline ends the waiting of Receive at a time; the zero time is never.
func (s *Socket) SetDeadline(t time.Time) error { return s.file.SetReadDeadline(t) }

// Close closes the socket and ends a Receive.
func (s *Socket) Close() error { return s.file.Close() }
