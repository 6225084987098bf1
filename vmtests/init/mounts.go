// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"sensor/vmtests/guest"
)

type mount struct {
	fs, dir, data string
	flags         uintptr
	optional      bool // a kernel or its lockdown may lack it: say so and go on
}

const hardened = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

func mountAll(cfg *guest.Config) error {
	mounts := []mount{
		{fs: "proc", dir: "/proc", flags: hardened},
		{fs: "sysfs", dir: "/sys", flags: hardened},
		{fs: "devtmpfs", dir: "/dev", flags: unix.MS_NOSUID, data: "mode=755"},
		{fs: "devpts", dir: "/dev/pts", flags: unix.MS_NOSUID | unix.MS_NOEXEC, data: "gid=5,mode=620,ptmxmode=666"},
		{fs: "tmpfs", dir: "/dev/shm", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=1777"},
		{fs: "tmpfs", dir: "/run", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=755"},
		{fs: "tracefs", dir: "/sys/kernel/tracing", flags: hardened, optional: true},
		{fs: "debugfs", dir: "/sys/kernel/debug", flags: hardened, optional: true},
		{fs: "securityfs", dir: "/sys/kernel/security", flags: hardened, optional: true},
		{fs: "bpf", dir: "/sys/fs/bpf", flags: hardened, data: "mode=700", optional: true},
	}
	// A package directory below /tmp was packed there and must stay in sight; the root is a tmpfs as well.
	if empty("/tmp") {
		mounts = append(mounts, mount{fs: "tmpfs", dir: "/tmp", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=1777"})
	}
	if cfg.HideBTF {
		mounts = append(mounts, mount{fs: "tmpfs", dir: "/sys/kernel/btf", flags: hardened | unix.MS_RDONLY, data: "mode=555"})
	}
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	if cfg.CgroupV1 {
		return mountCgroupV1()
	}
	return mount{fs: "cgroup2", dir: "/sys/fs/cgroup", flags: hardened, data: "nsdelegate"}.do()
}

func (m mount) do() error {
	err := os.MkdirAll(m.dir, 0o755)
	if err == nil {
		err = unix.Mount(m.fs, m.dir, m.fs, m.flags, m.data)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("mount %s: %w", m.dir, err)
	if m.optional {
		fmt.Fprintln(os.Stderr, "init:", err)
		return nil
	}
	return err
}

func empty(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return len(entries) == 0
}
