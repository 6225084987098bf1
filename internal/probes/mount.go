// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// withTracefs calls f on a thread that sees tracefs. Where the host has not
// mounted it (containers, minimal systems) the thread mounts it in a mount
// namespace of its own, and both are gone when f returns.
func withTracefs(f func() error) error {
	const path = "/sys/kernel/tracing"
	if isMounted(path, unix.TRACEFS_MAGIC) {
		return f()
	}
	return inOwnMounts(func() error {
		if err := unix.Mount("tracefs", path, "tracefs", 0, ""); err != nil {
			return fmt.Errorf("mount tracefs: %w", err)
		}
		return f()
	})
}

// errNotRoot says that the cgroups above this process cannot be reached.
var errNotRoot = errors.New("a cgroup namespace hides the root of the cgroups")

// withCgroupRoot calls f with the path of the root of all cgroups on the
// default (v2) hierarchy, as withTracefs does.
func withCgroupRoot(f func(path string) error) error {
	for _, path := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if isMounted(path, unix.CGROUP2_SUPER_MAGIC) {
			return atRoot(path, f)
		}
	}
	return inOwnMounts(func() error {
		const path = "/sys/fs/cgroup"
		if err := unix.Mount("cgroup2", path, "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("mount cgroup2: %w", err)
		}
		return atRoot(path, f)
	})
}

// atRoot calls f if the directory is the hierarchy's root. Programs below it would miss what is above.
func atRoot(path string, f func(path string) error) error {
	const rootInode = 1
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return fmt.Errorf("find root cgroup: %s: %w", path, err)
	}
	if stat.Ino != rootInode {
		return fmt.Errorf("find root cgroup: %w", errNotRoot)
	}
	return f(path)
}

func isMounted(path string, magic int64) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && int64(stat.Type) == magic
}

// inOwnMounts calls f on a thread whose mounts nobody else sees, and which ends with it.
func inOwnMounts(f func() error) error {
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
				return fmt.Errorf("unshare mounts: %w", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("make / private: %w", err)
			}
			return f()
		}()
	}
	go mount()
	return <-done
}
