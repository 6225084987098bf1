// SPDX-License-Identifier: Apache-2.0

// Package netlink speaks to the kernel's audit system: a stream of records on
// one socket, requests on another, so that an answer is never looked for among
// records.
//
// go-libaudit's client is not used: its Receive stays blocked after Close, its
// DeleteRule takes a refusal for success, and while it waits for an answer it
// sleeps.
package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNotSupported is the error of a kernel that was built without audit.
var ErrNotSupported = errors.New("the kernel has no audit system (CONFIG_AUDIT)")

// socket is a netlink socket of the audit family.
type socket struct {
	file *os.File
	raw  syscall.RawConn
}

// open makes a socket. With flags of SOCK_NONBLOCK it is on the runtime's poller.
func open(flags int) (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|flags, unix.NETLINK_AUDIT)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return socket{}, fmt.Errorf("%w: %w", ErrNotSupported, err)
	}
	if err != nil {
		return socket{}, fmt.Errorf("open audit socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return socket{}, errors.Join(fmt.Errorf("bind audit socket: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "audit")
	raw, err := file.SyscallConn()
	if err != nil {
		return socket{}, errors.Join(err, file.Close())
	}
	return socket{file, raw}, nil
}

func (s socket) Close() error { return s.file.Close() }

// control runs f with the descriptor.
func (s socket) control(f func(fd int) error) error {
	var err error
	if failed := s.raw.Control(func(fd uintptr) { err = f(int(fd)) }); failed != nil {
		return failed
	}
	return err
}

// send gives a message to the kernel, which acts on it before send returns.
func (s socket) send(kind, flags uint16, sequence uint32, data []byte) error {
	message := make([]byte, 0, unix.SizeofNlMsghdr+len(data))
	message = binary.NativeEndian.AppendUint32(message, uint32(unix.SizeofNlMsghdr+len(data)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|flags)
	message = binary.NativeEndian.AppendUint32(message, sequence)
	message = binary.NativeEndian.AppendUint32(message, 0) // the kernel knows who sends
	message = append(message, data...)
	var err error
	failed := s.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(err, unix.EAGAIN)
	})
	return errors.Join(failed, err)
}

const (
	// mostText is the longest text of a record: MAX_AUDIT_MESSAGE_LENGTH, with room.
	mostText = 8970 + 256
	slotSize = unix.SizeofNlMsghdr + mostText
)

// A Message is one datagram of the kernel. Data is good until the next read.
type Message struct {
	Type     uint16
	Sequence uint32
	Data     []byte
	length   uint32 // as the header has it, with the header
}

// batch receives several datagrams with one system call.
type batch struct {
	buffer  []byte
	senders []unix.RawSockaddrNetlink
	vectors []unix.Iovec
	headers []mmsghdr
	got     []Message
}

// mmsghdr is struct mmsghdr. Its length needs no padding: the size is a multiple of the alignment.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

func newBatch(n int) *batch {
	b := &batch{
		buffer:  make([]byte, n*slotSize),
		senders: make([]unix.RawSockaddrNetlink, n),
		vectors: make([]unix.Iovec, n),
		headers: make([]mmsghdr, n),
		got:     make([]Message, 0, n),
	}
	for i := range n {
		b.vectors[i].Base = &b.buffer[i*slotSize]
		b.vectors[i].SetLen(slotSize)
		b.headers[i].header.Name = (*byte)(unsafe.Pointer(&b.senders[i]))
		b.headers[i].header.Iov = &b.vectors[i]
		b.headers[i].header.SetIovlen(1)
	}
	return b
}

// receive waits for at least one datagram. What another process sent is left out, and so may be all.
func (s socket) receive(b *batch) ([]Message, error) {
	var n int
	var errno syscall.Errno
	failed := s.raw.Read(func(fd uintptr) bool {
		n, errno = b.read(fd)
		return errno != unix.EAGAIN
	})
	if err := result(failed, errno); err != nil {
		return nil, err
	}
	return b.messages(n), nil
}

// receiveNow gives what is there, if anything.
func (s socket) receiveNow(b *batch) ([]Message, error) {
	var n int
	var errno syscall.Errno
	failed := s.raw.Control(func(fd uintptr) { n, errno = b.read(fd) })
	if errno == unix.EAGAIN {
		return nil, nil
	}
	if err := result(failed, errno); err != nil {
		return nil, err
	}
	return b.messages(n), nil
}

func result(failed error, errno syscall.Errno) error {
	if failed != nil {
		return failed
	}
	if errno != 0 {
		return os.NewSyscallError("recvmmsg", errno)
	}
	return nil
}

func (b *batch) read(fd uintptr) (int, syscall.Errno) {
	for i := range b.headers {
		b.headers[i].header.Namelen = unix.SizeofSockaddrNetlink
	}
	for {
		n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), uintptr(len(b.headers)), unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		return int(n), errno
	}
}

// messages are the datagrams of the kernel among the first n. The length in
// the header is not believed: that of audit records leaves out the header, or
// does not, depending on how they came.
func (b *batch) messages(n int) []Message {
	b.got = b.got[:0]
	for i := range n {
		length := int(b.headers[i].length)
		if b.senders[i].Pid != 0 || length < unix.SizeofNlMsghdr {
			continue
		}
		data := b.buffer[i*slotSize : i*slotSize+min(length, slotSize)]
		b.got = append(b.got, Message{
			Type:     binary.NativeEndian.Uint16(data[4:]),
			Sequence: binary.NativeEndian.Uint32(data[8:]),
			Data:     data[unix.SizeofNlMsghdr:],
			length:   binary.NativeEndian.Uint32(data),
		})
	}
	return b.got
}

// errnoOf reads an NLMSG_ERROR; 0 is an acknowledgement.
func errnoOf(data []byte) (syscall.Errno, error) {
	if len(data) < 4 {
		return 0, errors.New("read answer: too short for an error")
	}
	return syscall.Errno(-int32(binary.NativeEndian.Uint32(data))), nil
}

// deadline of an answer. The kernel answers at once, from a thread that it starts for it.
const patience = 10 * time.Second
