// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"encoding/binary"
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
// [Stream.Listen]. Its methods are for one goroutine, but for Wake and Close.
//
// It is not on the runtime's poller: there each record that comes wakes the
// process, also while it does not read but lets them gather. A wait takes a thread instead.
type Stream struct {
	socket
	batch *batch
	wake  *os.File // an eventfd
}

// batchSize is how many records are read with one system call. An exec has about eight.
const batchSize = 64

// OpenStream makes a stream that nothing comes to yet. buffer is how much the
// kernel may keep for it in bytes; without CAP_NET_ADMIN it is at most
// net.core.rmem_max.
func OpenStream(buffer int) (*Stream, error) {
	s, err := open(0)
	if err != nil {
		return nil, err
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), s.Close())
	}
	wake := os.NewFile(uintptr(event), "audit wake")
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
		return nil, errors.Join(err, s.Close(), wake.Close())
	}
	return &Stream{s, newBatch(batchSize), wake}, nil
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

// Receive gives records that are there, not always all. It waits for the first
// no longer than the timeout, and gives none when that is over or Wake was
// called. Messages are good until the next call. It fails after Close.
func (s *Stream) Receive(timeout time.Duration) ([]Message, error) {
	messages, err := s.receiveNow(s.batch)
	if err != nil || len(messages) > 0 || timeout <= 0 {
		return messages, err
	}
	if err := s.wait(timeout); err != nil {
		return nil, err
	}
	return s.receiveNow(s.batch)
}

// wait waits for a record, the end of the timeout, or Wake. Close comes into
// effect when it has returned: until then the descriptors are in use.
func (s *Stream) wait(timeout time.Duration) error {
	wake, err := s.wake.SyscallConn()
	if err != nil {
		return err
	}
	return s.control(func(fd int) error {
		var failed error
		err := wake.Control(func(event uintptr) {
			ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(event), Events: unix.POLLIN}}
			// Rounded up, or the rest of a millisecond would be waited for in a busy loop.
			_, failed = unix.Poll(ready, int((timeout+time.Millisecond-1)/time.Millisecond))
			if failed == nil && ready[1].Revents != 0 {
				var count [8]byte
				_, failed = unix.Read(int(event), count[:])
			}
		})
		if errors.Is(failed, unix.EINTR) {
			failed = nil
		}
		return errors.Join(err, failed)
	})
}

// Port is the stream's netlink address. /proc/net/netlink calls it Pid.
func (s *Stream) Port() (port uint32, err error) {
	err = s.control(func(fd int) error {
		address, err := unix.Getsockname(fd)
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		if own, ok := address.(*unix.SockaddrNetlink); ok {
			port = own.Pid
		}
		return nil
	})
	return port, err
}

// Wake makes the Receive that waits, or the next that would, return.
func (s *Stream) Wake() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := s.wake.Write(one[:])
	return err
}

// Close ends what Receive waits for, and the kernel's sending.
func (s *Stream) Close() error {
	// In this order: who comes to wait after the first finds it closed.
	return errors.Join(s.socket.Close(), s.Wake(), s.wake.Close())
}

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
