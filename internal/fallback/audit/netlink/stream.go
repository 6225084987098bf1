// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"
)

// Stream is a socket that records come to: those that the kernel sends to its
// audit daemon, after [Stream.Own], or those that it tells everybody, after
// [Stream.Listen]. Its methods are for one goroutine, but for Close and
// SetReadDeadline.
type Stream struct {
	socket
	batch *batch
}

// batchSize is how many records are read with one system call. An exec has about eight.
const batchSize = 64

// OpenStream makes a stream that nothing comes to yet. buffer is how much the
// kernel may keep for it in bytes; without CAP_NET_ADMIN it is at most
// net.core.rmem_max.
func OpenStream(buffer int) (*Stream, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	err = s.control(func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer); err != nil {
				return os.NewSyscallError("setsockopt SO_RCVBUF", err)
			}
		}
		// Otherwise the kernel gives nothing more once a record found no room, until everything is read. Drops counts all the same.
		return os.NewSyscallError("setsockopt NETLINK_NO_ENOBUFS", unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1))
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Stream{s, newBatch(batchSize)}, nil
}

// Own makes this process the audit daemon, and the stream where the kernel
// sends the records, or with false gives that up. Whether it has succeeded is
// in the status: the answer comes, if at all, among the records.
func (s *Stream) Own(own bool) error {
	status := libaudit.AuditStatus{Mask: libaudit.AuditStatusPID}
	if own {
		status.PID = uint32(os.Getpid())
	}
	data, err := encode(status)
	if err != nil {
		return err
	}
	if err := s.send(libaudit.AuditSet, 0, 0, data); err != nil {
		return fmt.Errorf("set audit pid: %w", err)
	}
	return nil
}

// Listen joins the group that all records are told to, or leaves it. Joining needs CAP_AUDIT_READ.
func (s *Stream) Listen(listen bool) error {
	option := unix.NETLINK_DROP_MEMBERSHIP
	if listen {
		option = unix.NETLINK_ADD_MEMBERSHIP
	}
	return s.control(func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, libaudit.NetlinkGroupReadLog); err != nil {
			return fmt.Errorf("listen to audit records: %w", err)
		}
		return nil
	})
}

// Receive waits for records: at least until there is one, the deadline is over
// (os.ErrDeadlineExceeded) or the stream is closed (os.ErrClosed). It may give
// none. Messages are good until the next call.
func (s *Stream) Receive() ([]Message, error) { return s.receive(s.batch) }

// ReceiveNow gives records that are there, none if there are none.
func (s *Stream) ReceiveNow() ([]Message, error) { return s.receiveNow(s.batch) }

// SetReadDeadline is when Receive gives up.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.file.SetReadDeadline(t) }

// memoryDrops is SK_MEMINFO_DROPS: the place of that number in what SO_MEMINFO gives.
const memoryDrops = 8

// Drops is how many records found no room in the buffer. Those of an owner are
// not lost: the kernel keeps them and tries again. The counter wraps around.
func (s *Stream) Drops() (uint32, error) {
	var memory [memoryDrops + 1]uint32
	err := s.control(func(fd int) error {
		size := uint32(unsafe.Sizeof(memory))
		_, _, errno := syscall.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			return os.NewSyscallError("getsockopt SO_MEMINFO", errno)
		}
		return nil
	})
	return memory[memoryDrops], err
}
