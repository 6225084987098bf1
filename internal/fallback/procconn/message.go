// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
)

// A message is a struct proc_event of linux/cn_proc.h, with the header that the
// connector puts before it.
type message struct {
	what      uint32
	cpu       uint32
	sequence  uint32 // counts the messages of this CPU
	answers   uint32 // none: the number of the question, and one
	time      uint64 // CLOCK_MONOTONIC, ns
	pid, tgid uint32 // who it is about: of a fork the child, of a thread its own pid
	parent    uint32 // fork, exit: tgid of the real parent; 0 if unknown
	value     [2]uint32
}

// The first of a message's values, by what it is.
const (
	exitStatus  = 0 // exit
	realID      = 0 // uid, gid
	effectiveID = 1 // uid, gid
	answer      = 0 // none: an error number, or 0
)

const (
	connectorHeader = 20 // struct cn_msg
	eventHeader     = 16 // of struct proc_event, before the union
)

// parse reads the payload of a netlink message. ours is false if another
// connector than that of processes sent it.
func parse(payload []byte) (m message, ours bool, err error) {
	if len(payload) < connectorHeader {
		return message{}, false, fmt.Errorf("parse connector message: %d bytes are no header", len(payload))
	}
	order := binary.NativeEndian
	if order.Uint32(payload) != netlink.CN_IDX_PROC || order.Uint32(payload[4:]) != netlink.CN_VAL_PROC {
		return message{}, false, nil
	}
	m.sequence, m.answers = order.Uint32(payload[8:]), order.Uint32(payload[12:])
	event := payload[connectorHeader:]
	if length := int(order.Uint16(payload[16:])); length < eventHeader || length > len(event) {
		return message{}, true, fmt.Errorf("parse connector message: it says %d bytes, there are %d", length, len(event))
	}
	m.what, m.cpu, m.time = order.Uint32(event), order.Uint32(event[4:]), order.Uint64(event[8:])
	var union [6]uint32 // what an old kernel does not know stays 0
	for i := range union {
		if rest := event[min(len(event), eventHeader+4*i):]; len(rest) >= 4 {
			union[i] = order.Uint32(rest)
		}
	}
	switch m.what {
	case netlink.PROC_EVENT_NONE:
		m.value[answer] = union[0]
	case netlink.PROC_EVENT_FORK:
		m.parent, m.pid, m.tgid = union[1], union[2], union[3]
	case netlink.PROC_EVENT_EXIT:
		m.pid, m.tgid, m.value[exitStatus], m.parent = union[0], union[1], union[2], union[5]
	default:
		m.pid, m.tgid, m.value = union[0], union[1], [2]uint32{union[2], union[3]}
	}
	return m, true, nil
}

// request is what a listener sends. The answer has the number of the question, and one.
func request(operation, question uint32) []byte {
	order := binary.NativeEndian
	var b []byte
	b = order.AppendUint32(b, netlink.CN_IDX_PROC)
	b = order.AppendUint32(b, netlink.CN_VAL_PROC)
	b = order.AppendUint32(b, 0) // sequence: since Linux 4.6 the answer has one of its own
	b = order.AppendUint32(b, question)
	b = order.AppendUint16(b, 4) // length
	b = order.AppendUint16(b, 0)
	return order.AppendUint32(b, operation)
}
