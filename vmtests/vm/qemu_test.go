// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestQEMUCommand(t *testing.T) {
	m := Machine{Arch: "arm64", Image: "/image", Accel: "tcg", CPUs: 4, Memory: "2G", Append: "lockdown=confidentiality"}
	args, err := m.qemu("/initramfs")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"qemu-system-aarch64", "-smp 4", "-m 2G", "-kernel /image", "-initrd /initramfs", "console=ttyAMA0", " lockdown=confidentiality"} {
		if !strings.Contains(strings.Join(args, " "), want) {
			t.Errorf("no %q in %q", want, args)
		}
	}
	if line := args[len(args)-1]; !strings.HasSuffix(line, m.Append) || !slices.Contains(args, "-append") {
		t.Errorf("kernel command line is %q", line)
	}
}

func TestOnlyTCG(t *testing.T) {
	for _, m := range []Machine{{Arch: "amd64", Accel: "kvm"}, {Arch: "amd64"}, {Arch: "s390x", Accel: "tcg"}} {
		if _, err := m.qemu("/initramfs"); err == nil {
			t.Errorf("%+v is no error", m)
		}
	}
}

func TestDeadlines(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 20 * time.Second, time.Hour} {
		soft, hard := deadlines(timeout)
		if soft <= 0 || soft >= hard || hard >= timeout {
			t.Errorf("time-out %s: soft %s, hard %s", timeout, soft, hard)
		}
	}
}
