// SPDX-License-Identifier: Apache-2.0

// Package host describes the host that events come from: host.* of every document.
package host

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"sensor/internal/enrich/rootfs"
)

// Host is host.* as events carry it, and the boot that they belong to. What is
// not known is empty.
type Host struct {
	ID           string
	Name         string
	Hostname     string
	Architecture string   // as uname -m says it: x86_64, aarch64
	IP           []string // of interfaces that are up; IPv4 first, each family ascending
	MAC          []string // 00-00-5E-00-53-23, ascending
	OS           OS
	BootID       string // a UUID in lower case, as the kernel gives it; no field of ECS
}

// OS is host.os.*.
type OS struct{ Type, Family, Name, Platform, Version, Kernel, Full string }

// Options of Read.
type Options struct {
	// Root is where the host's files are; "" is Root().
	Root string
	// Proc is where proc is mounted; "" is /proc.
	Proc string
	// ID and Name are host.id and host.name where the configuration has them.
	ID, Name string
}

// ErrNoID says that nothing tells this host from another.
var ErrNoID = errors.New("host.id is not configured")

// InInitialPIDNamespace reports whether this process lives in the host's own pid
// namespace, which has a fixed inode number.
func InInitialPIDNamespace() bool {
	const initial = "pid:[4026531836]" // PROC_PID_INIT_INO of include/linux/proc_ns.h
	own, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && own == initial
}

// Root is the directory below which the host's files are: /proc/1/root where
// that can be read and process 1 is the host's init, as in a container with the
// host's pid namespace; else "/".
func Root() string {
	const init = "/proc/1/root"
	if !InInitialPIDNamespace() {
		return "/"
	}
	if _, err := os.Stat(init + "/etc"); err != nil {
		return "/"
	}
	return init
}

// Read describes the host as it is now. The error joins what could not be read;
// the Host has the rest. Without an ID, for which the error wraps [ErrNoID],
// nothing should be reported.
//
// Name, addresses and kernel are those that this process sees: those of the host
// unless it runs in a container with a network or host name of its own.
func Read(o Options) (Host, error) {
	root := o.Root
	if root == "" {
		root = Root()
	}
	var h Host
	var errs []error
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	if h.ID = o.ID; h.ID == "" {
		h.ID, err = machineID(root)
		keep(err)
	}
	h.BootID, err = bootID(cmp.Or(o.Proc, "/proc"))
	keep(err)
	h.OS, err = readOS(root)
	keep(err)
	h.IP, h.MAC, err = addresses()
	keep(err)
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		keep(fmt.Errorf("read host name, architecture and kernel: %w", err))
	}
	h.Hostname = unix.ByteSliceToString(uts.Nodename[:])
	h.Name = cmp.Or(o.Name, h.Hostname)
	h.Architecture = unix.ByteSliceToString(uts.Machine[:])
	h.OS.Kernel = unix.ByteSliceToString(uts.Release[:])
	return h, errors.Join(errs...)
}

// AgentID is a UUID (version 8) that is the same in every run of the sensor on
// this host, and another on every other host; "" if the host has no ID.
func (h Host) AgentID() string {
	if h.ID == "" {
		return ""
	}
	id := sha256.Sum256([]byte("sensor\x00agent.id\x00" + h.ID))
	id[6] = id[6]&0x0f | 0x80 // version
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// machineID reads machine-id(5) or what D-Bus has in its place.
func machineID(root string) (string, error) {
	var reasons []string
	for _, name := range []string{"etc/machine-id", "var/lib/dbus/machine-id"} {
		text, err := rootfs.Read(root, name, 64)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		id := strings.ToLower(strings.TrimSuffix(string(text), "\n"))
		if isMachineID(id) {
			return id, nil
		}
		reasons = append(reasons, fmt.Sprintf("%s has no id but %.40q", filepath.Join(root, name), text))
	}
	return "", fmt.Errorf("find host id: %w, and %s", ErrNoID, strings.Join(reasons, ", "))
}

// isMachineID wants 32 hexadecimal digits that are not all 0.
func isMachineID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == "" && strings.Trim(id, "0") != ""
}

func bootID(proc string) (string, error) {
	const name = "sys/kernel/random/boot_id"
	text, err := rootfs.Read(proc, name, 64)
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	id := strings.TrimSpace(string(text))
	if len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return "", fmt.Errorf("read boot id: %s has no id but %.40q", filepath.Join(proc, name), text)
	}
	return id, nil
}
