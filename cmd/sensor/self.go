// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"sensor/internal/events"
	"sensor/internal/process/snapshot"
)

// self tells the sensor's own flows from others: a document about the connection
// that documents go out by would make another one.
type self struct {
	pid       uint32 // in its pid namespace
	namespace uint32 // inode of that
}

func thisProcess() (self, error) {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return self{}, fmt.Errorf("find own pid namespace: %w", err)
	}
	s := self{pid: uint32(os.Getpid()), namespace: snapshot.ParseNamespace(link)}
	if s.namespace == 0 {
		return self{}, fmt.Errorf("find own pid namespace: %q names none", link)
	}
	return s, nil
}

// is reports whether the process is the sensor. Sources that do not know of pid namespaces see the host's alone.
func (s self) is(p *events.Process) bool {
	if p == nil || s.pid == 0 {
		return false
	}
	if s.namespace == snapshot.InitialPID {
		return p.PID == s.pid
	}
	return p.VPID == s.pid && p.Namespaces.PID == s.namespace
}
