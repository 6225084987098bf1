// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sensor/internal/enrich/host"
	"sensor/internal/fallback/audit"
)

// hostFacts are what decides, on a host, which sources can work.
type hostFacts struct {
	Kernel              string   `json:"kernel"`
	Architecture        string   `json:"architecture"`
	BTF                 string   `json:"btf"`
	Lockdown            string   `json:"lockdown"`
	Tracefs             string   `json:"tracefs"`
	Cgroup              string   `json:"cgroup"`
	InitialPIDNamespace bool     `json:"initial_pid_namespace"`
	Audit               string   `json:"audit"`
	Missing             []string `json:"missing_capabilities"` // of those that the sources use
}

func readHostFacts() hostFacts {
	var uts unix.Utsname
	facts := hostFacts{
		BTF:                 readBTF(),
		Lockdown:            readLockdown(),
		Tracefs:             "not mounted",
		Cgroup:              "not mounted",
		InitialPIDNamespace: host.InInitialPIDNamespace(),
		Audit:               audit.Describe(),
		Missing:             missingCapabilities(),
	}
	if unix.Uname(&uts) == nil {
		facts.Kernel = unix.ByteSliceToString(uts.Release[:])
		facts.Architecture = unix.ByteSliceToString(uts.Machine[:])
	}
	v1, v2 := false, ""
	for _, mount := range readMounts() {
		switch mount.typ {
		case "tracefs":
			facts.Tracefs = "mounted at " + mount.at
		case "cgroup":
			v1 = true
		case "cgroup2":
			v2 = mount.at
		}
	}
	switch {
	case v1 && v2 != "":
		facts.Cgroup = "v1, with v2 at " + v2
	case v1:
		facts.Cgroup = "v1"
	case v2 != "":
		facts.Cgroup = "v2 at " + v2
	}
	return facts
}

func readBTF() string {
	const path = "/sys/kernel/btf/vmlinux"
	if _, err := os.Stat(path); err != nil {
		return fmt.Sprintf("none (%v): the kernel needs CONFIG_DEBUG_INFO_BTF", err)
	}
	return path
}

// readLockdown gives the mode in force: lockdown marks it with brackets.
func readLockdown() string {
	text, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return fmt.Sprintf("unknown (%v)", err)
	}
	if _, after, ok := strings.Cut(string(text), "["); ok {
		mode, _, _ := strings.Cut(after, "]")
		return mode
	}
	return strings.TrimSpace(string(text))
}

type mount struct{ at, typ string }

func readMounts() []mount {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil
	}
	defer f.Close()
	var mounts []mount
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 {
			mounts = append(mounts, mount{filepath.Clean(fields[1]), fields[2]})
		}
	}
	return mounts
}

// The capabilities that the sources use, with what for. CAP_SYS_ADMIN stands
// for the first two before Linux 5.8, and still does.
var neededCapabilities = []struct {
	bit  int
	name string
	why  string
}{
	{unix.CAP_BPF, "CAP_BPF", "to load BPF programs"},
	{unix.CAP_PERFMON, "CAP_PERFMON", "to attach them to tracepoints"},
	{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "to read what other users' processes were started with"},
	{unix.CAP_AUDIT_CONTROL, "CAP_AUDIT_CONTROL", "for the audit system, where BPF is not to be had"},
	{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "for cgroup hooks, and for the process connector and socket diagnosis"},
}

// missingCapabilities lists those that this process lacks, each with what it is for.
func missingCapabilities() []string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	var effective uint64
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			effective, _ = strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		}
	}
	var missing []string
	for _, c := range neededCapabilities {
		admin := (c.bit == unix.CAP_BPF || c.bit == unix.CAP_PERFMON) && effective>>unix.CAP_SYS_ADMIN&1 == 1
		if effective>>c.bit&1 == 0 && !admin {
			missing = append(missing, c.name+" "+c.why)
		}
	}
	return slices.Clip(missing)
}

func (h hostFacts) capabilities() string {
	if len(h.Missing) == 0 {
		return "complete"
	}
	return "missing " + strings.Join(h.Missing, "; ")
}
