// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"path/filepath"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// cgroupMount finds where the root of the cgroup2 hierarchy is mounted; "" if nowhere.
func cgroupMount(proc procfs.FS) string {
	mounts, err := proc.GetMounts()
	if err != nil {
		return ""
	}
	for _, m := range mounts {
		var st unix.Statfs_t
		if m.FSType == "cgroup2" && m.Root == "/" && // and nothing is mounted over it:
			unix.Statfs(m.MountPoint, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return m.MountPoint
		}
	}
	return ""
}

// cgroup is the place of a process on the cgroup2 hierarchy. Seen from another
// cgroup namespace than the initial one it is unknown: paths start elsewhere.
func (r *Reader) cgroup(proc procfs.Proc) events.Cgroup {
	if !r.cgroupPaths {
		return events.Cgroup{}
	}
	groups, err := proc.Cgroups()
	if err != nil {
		return events.Cgroup{}
	}
	for _, g := range groups {
		if g.HierarchyID == 0 && len(g.Controllers) == 0 {
			return events.Cgroup{Path: g.Path, ID: r.cgroupID(g.Path)}
		}
	}
	return events.Cgroup{}
}

// cgroupID is the inode number of the cgroup's directory, which on 64 bits is
// the id that the kernel gives to BPF programs; 0 if unknown.
func (r *Reader) cgroupID(path string) uint64 {
	if r.cgroupMount == "" {
		return 0
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(r.cgroupMount, path), &st); err != nil {
		return 0
	}
	return st.Ino
}
