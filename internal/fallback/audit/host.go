// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// explain says what the kernel's refusals of audit requests mean.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("CAP_AUDIT_CONTROL, or to read along CAP_AUDIT_READ, is missing: %w", err)
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("audit is switched off since the boot (audit=0): %w", err)
	}
	return err
}

// The first namespaces have fixed numbers (linux/proc_ns.h).
const (
	initialPIDs  = "pid:[4026531836]"
	initialUsers = "user:[4026531837]"
)

// initialNamespaces says why the kernel would not talk to this process. Where
// /proc does not tell, its refusals will.
func initialNamespaces() error {
	for _, space := range []struct{ name, initial string }{{"pid", initialPIDs}, {"user", initialUsers}} {
		link, err := os.Readlink("/proc/self/ns/" + space.name)
		if err == nil && link != space.initial {
			return fmt.Errorf("the audit system talks to the initial %s namespace alone, and this is %s", space.name, link)
		}
	}
	return nil
}

// processLives reports whether there is a process with this pid that has not ended.
func processLives(pid int) bool {
	_, err := startTicks(pid)
	return err == nil || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errEnded)
}
