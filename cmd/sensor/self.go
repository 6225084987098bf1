// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"sensor/internal/events"
)

// self tells the sensor's own flows from others: a document about the connection
// that documents go out by would make another one.
type self struct {
	pid       uint32 // in its pid namespace
	namespace uint32 // inode of that
}

// initialPIDs is PROC_PID_INIT_INO of include/linux/proc_ns.h.
const initialPIDs = 0xEFFFFFFC

func thisProcess() (self, error) {
	s := self{pid: uint32(os.Getpid())}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err == nil {
		_, err = fmt.Sscanf(link, "pid:[%d]", &s.namespace)
	}
	if err != nil {
		return self{}, fmt.Errorf("find own pid namespace: %w", err)
	}
	return s, nil
}

// is reports whether the process is the sensor. Sources that do not know of pid namespaces see the host's alone.
func (s self) is(p *events.Process) bool {
	if p == nil || s.pid == 0 {
		return false
	}
	if s.namespace == initialPIDs {
		return p.PID == s.pid
	}
	return p.VPID == s.pid && p.Namespaces.PID == s.namespace
}
