// SPDX-License-Identifier: Apache-2.0

package multicast

import (
	"encoding/binary"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// Messages takes apart what was received: the type and the payload of each
// message. The last one may come with an error: what follows cannot be told
// apart any more.
func Messages(received []byte) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for len(received) > 0 {
			if len(received) < unix.NLMSG_HDRLEN {
				yield(Message{}, fmt.Errorf("read netlink message: %d bytes are no header", len(received)))
				return
			}
			length := binary.NativeEndian.Uint32(received)
			if length < unix.NLMSG_HDRLEN || uint64(length) > uint64(len(received)) {
				yield(Message{}, fmt.Errorf("read netlink message: it says %d bytes, there are %d", length, len(received)))
				return
			}
			m := Message{Type: binary.NativeEndian.Uint16(received[4:]), Payload: received[unix.NLMSG_HDRLEN:length:length]}
			received = received[min(len(received), (int(length)+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
			if !yield(m, nil) {
				return
			}
		}
	}
}

// Message is one netlink message. Its payload is part of what was received.
type Message struct {
	Type    uint16
	Payload []byte
}

// Append appends a netlink message without flags, which the kernel does not answer.
func Append(b []byte, typ uint16, payload []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.NLMSG_HDRLEN+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, make([]byte, unix.NLMSG_HDRLEN-6)...) // flags, sequence and port
	return append(b, payload...)
}
