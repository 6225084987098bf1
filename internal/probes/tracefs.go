// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// withTracefs calls f on a thread that sees tracefs. Where the host has not
// mounted it (containers, minimal systems) the thread mounts it in a mount
// namespace of its own, and both are gone when f returns.
func withTracefs(f func() error) error {
	const path = "/sys/kernel/tracing"
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err == nil && stat.Type == unix.TRACEFS_MAGIC {
		return f()
	}
	done := make(chan error)
	var mount func()
	mount = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// But the first thread, for which the process is known, does not end. While it is held, another is taken.
			defer runtime.UnlockOSThread()
			taken := make(chan struct{})
			go func() {
				defer close(taken)
				mount()
			}()
			<-taken
			return
		}
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("mount tracefs: unshare: %w", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("mount tracefs: make / private: %w", err)
			}
			if err := unix.Mount("tracefs", path, "tracefs", 0, ""); err != nil {
				return fmt.Errorf("mount tracefs: %w", err)
			}
			return f()
		}()
	}
	go mount()
	return <-done
}
