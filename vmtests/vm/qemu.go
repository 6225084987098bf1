// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"strconv"
	"strings"
)

// Machine is a VM's hardware and kernel command line.
type Machine struct {
	Arch   string // "amd64" or "arm64"
	Image  string // bzImage or Image
	Accel  string // QEMU's -accel: a tcg one
	CPUs   int
	Memory string // QEMU's -m
	Append string // added to the kernel command line
}

// qemu returns QEMU's command line. The host's KVM is never used: where it is nested or half there, QEMU aborts or
// hangs instead of falling back.
func (m *Machine) qemu(initramfs string) ([]string, error) {
	if !strings.HasPrefix(m.Accel, "tcg") {
		return nil, fmt.Errorf("choose accelerator: %q is not tcg", m.Accel)
	}
	var args []string
	var console string
	switch m.Arch {
	case "amd64":
		args = []string{"qemu-system-x86_64", "-cpu", "max"}
		console = "ttyS0"
	case "arm64":
		// The architected pointer-authentication algorithm costs an emulator half of its time.
		args = []string{"qemu-system-aarch64", "-M", "virt", "-cpu", "max,pauth-impdef=on"}
		console = "ttyAMA0"
	default:
		return nil, fmt.Errorf("choose machine: unknown architecture %q", m.Arch)
	}
	return append(args,
		"-accel", m.Accel,
		"-smp", strconv.Itoa(m.CPUs),
		"-m", m.Memory,
		"-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-serial", "mon:stdio",
		"-kernel", m.Image,
		"-initrd", initramfs,
		"-append", m.commandLine(console),
	), nil
}

// commandLine keeps the kernel quiet below an alert, so that its messages do not run into the output, and turns an oops into the end of
// the VM: a sensor that causes one has failed.
func (m *Machine) commandLine(console string) string {
	line := "console=" + console + " loglevel=2 oops=panic panic=-1 panic_print=0x20 sysrq_always_enabled rdinit=/init"
	if m.Arch == "amd64" {
		line += " " + amd64Clock()
	}
	if m.Append != "" {
		line += " " + m.Append
	}
	return line
}

// amd64Clock spares the kernel the measuring of its clocks, which a busy host falsifies: beside six busy loops on two cores 5 of 27 boots
// panicked over the timer or had a clock that stood still, and with these arguments none of 30. A clock that ran seven times too fast
// was seen too.
func amd64Clock() string {
	clock := "no_timer_check"
	if khz := hostTSC(); khz > 0 {
		clock += fmt.Sprintf(" tsc=reliable tsc_early_khz=%d", khz)
	}
	return clock
}
