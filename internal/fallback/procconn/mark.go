// SPDX-License-Identifier: Apache-2.0

package procconn

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mark makes each CPU that the sensor may run on send a message, which the
// kernel does when a thread names itself. A CPU that is quiet after messages of
// its were lost would not let anybody know.
func mark() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its affinity
		done <- markAll()
	}()
	return <-done
}

func markAll() error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("read cpu affinity: %w", err)
	}
	var name [16]byte
	if err := unix.Prctl(unix.PR_GET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
		return fmt.Errorf("read thread name: %w", err)
	}
	var errs []error
	for cpu := range len(allowed) * 64 {
		if !allowed.IsSet(cpu) {
			continue
		}
		var one unix.CPUSet
		one.Set(cpu)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			errs = append(errs, fmt.Errorf("run on cpu %d: %w", cpu, err))
			continue
		}
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
			errs = append(errs, fmt.Errorf("name thread: %w", err))
		}
	}
	return errors.Join(errs...)
}
