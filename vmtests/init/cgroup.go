// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountCgroupV1 mounts one hierarchy for each controller that the kernel still offers to version 1, systemd's named
// hierarchy, and version 2 without controllers beside them.
func mountCgroupV1() error {
	if err := (mount{fs: "tmpfs", dir: "/sys/fs/cgroup", flags: hardened, data: "mode=755"}).do(); err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return fmt.Errorf("read controllers: %w", err)
	}
	for line := range strings.Lines(string(table)) {
		name, _, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(name, "#") {
			continue
		}
		m := mount{fs: "cgroup", dir: "/sys/fs/cgroup/" + name, flags: hardened, data: name, optional: true}
		if err := m.do(); err != nil {
			return err
		}
	}
	named := mount{fs: "cgroup", dir: "/sys/fs/cgroup/systemd", flags: hardened, data: "none,name=systemd"}
	if err := named.do(); err != nil {
		return err
	}
	return mount{fs: "cgroup2", dir: "/sys/fs/cgroup/unified", flags: hardened | unix.MS_RELATIME, data: "nsdelegate"}.do()
}
