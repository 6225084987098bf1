// SPDX-License-Identifier: Apache-2.0

// Package audittest lets tests change the kernel's audit system, of which there
// is one for the whole host.
package audittest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"sensor/internal/fallback/audit/netlink"
)

// Lock keeps other tests, also of other programs, away from the audit system
// until the test ends, and then restores its settings and rules. It skips the
// test where the host has no audit, the test may not change it, or a daemon
// owns it already.
func Lock(t testing.TB) *netlink.Control {
	t.Helper()
	control, err := netlink.OpenControl()
	if errors.Is(err, netlink.ErrNotSupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "sensor-audit.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() }) // unlocks
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	before, err := control.Status()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ECONNREFUSED) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if before.PID != 0 || before.Enabled == 2 {
		t.Skipf("the audit system belongs to process %d, enabled is %d", before.PID, before.Enabled)
	}
	rules, err := control.Rules()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restore(t, control, before, rules) })
	return control
}

func restore(t testing.TB, control *netlink.Control, before libaudit.AuditStatus, rules [][]byte) {
	if now, err := control.Status(); err == nil && now.Enabled == 2 {
		t.Log("the audit system is locked until the next boot")
		return
	}
	before.Mask = libaudit.AuditStatusEnabled | libaudit.AuditStatusFailure |
		libaudit.AuditStatusBacklogLimit | libaudit.AuditStatusBacklogWaitTime
	loaded, err := control.Rules()
	if err != nil {
		t.Error(err)
	}
	missing := func(from [][]byte, rule []byte) bool {
		return !slices.ContainsFunc(from, func(r []byte) bool { return bytes.Equal(r, rule) })
	}
	for _, rule := range loaded {
		if missing(rules, rule) {
			t.Log("a rule was left behind")
			if err := control.Delete(rule); err != nil {
				t.Error(err)
			}
		}
	}
	for _, rule := range rules {
		if missing(loaded, rule) {
			if err := control.Add(rule); err != nil {
				t.Error(err)
			}
		}
	}
	if err := control.Set(before); err != nil {
		t.Error(err)
	}
}
