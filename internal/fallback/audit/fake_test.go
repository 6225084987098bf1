// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"sensor/internal/fallback/audit/rules"
)

// fakeKernel is an audit system that refuses what the kernel refuses.
type fakeKernel struct {
	status libaudit.AuditStatus
	self   int
	member bool
	rules  [][]byte
	refuse map[string]error // by what is asked: "add 2" is the third rule
	adds   int
	// what was done, in its order
	did []string
}

func newFakeKernel() *fakeKernel {
	return &fakeKernel{
		status: libaudit.AuditStatus{Failure: 1, BacklogLimit: 64, BacklogWaitTime: 15000},
		self:   os.Getpid(), refuse: map[string]error{},
	}
}

func (k *fakeKernel) Status() (libaudit.AuditStatus, error) { return k.status, k.refuse["status"] }

func (k *fakeKernel) Set(s libaudit.AuditStatus) error {
	if err := k.refuse["set"]; err != nil {
		return err
	}
	if k.status.Enabled == immutable {
		return unix.EPERM
	}
	for _, field := range []struct {
		bit libaudit.AuditStatusMask
		to  *uint32
		v   uint32
	}{
		{libaudit.AuditStatusEnabled, &k.status.Enabled, s.Enabled},
		{libaudit.AuditStatusFailure, &k.status.Failure, s.Failure},
		{libaudit.AuditStatusBacklogLimit, &k.status.BacklogLimit, s.BacklogLimit},
		{libaudit.AuditStatusBacklogWaitTime, &k.status.BacklogWaitTime, s.BacklogWaitTime},
	} {
		if s.Mask&field.bit != 0 {
			*field.to = field.v
		}
	}
	k.did = append(k.did, "set")
	return nil
}

func (k *fakeKernel) Own(own bool) error {
	switch {
	case own && (k.status.PID == 0 || k.refuse["lives"] == nil):
		k.status.PID = uint32(k.self)
	case !own && int(k.status.PID) == k.self:
		k.status.PID = 0
	}
	if k.refuse["own"] != nil { // another daemon is faster
		k.status.PID = 1
	}
	k.did = append(k.did, "own")
	return nil
}

func (k *fakeKernel) Listen(listen bool) error {
	if listen && k.refuse["listen"] != nil {
		return k.refuse["listen"]
	}
	k.member = listen
	return nil
}

func (k *fakeKernel) Rules() ([][]byte, error) { return slices.Clone(k.rules), k.refuse["rules"] }

// plain is the rule as the kernel lists it: without AUDIT_FILTER_PREPEND.
func plain(rule []byte) []byte {
	rule = slices.Clone(rule)
	binary.NativeEndian.PutUint32(rule, binary.NativeEndian.Uint32(rule)&^0x10)
	return rule
}

func (k *fakeKernel) Add(rule []byte) error {
	if k.status.Enabled == immutable {
		return unix.EPERM
	}
	if err := k.refuse["add "+string(rune('0'+k.adds))]; err != nil {
		return err
	}
	if contains(k.rules, plain(rule)) {
		return unix.EEXIST
	}
	k.adds++
	k.rules = append(k.rules, plain(rule))
	return nil
}

func (k *fakeKernel) Delete(rule []byte) error {
	if k.status.Enabled == immutable {
		return unix.EPERM
	}
	i := slices.IndexFunc(k.rules, func(r []byte) bool { return string(r) == string(plain(rule)) })
	if i < 0 {
		return unix.ENOENT
	}
	k.rules = slices.Delete(k.rules, i, i+1)
	return nil
}

// readRules are rules from a file with these lines.
func readRules(t *testing.T, lines string) []rules.Rule {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.rules")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Read([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	return set.Rules
}

const threeRules = `-a always,exit -F arch=b64 -S execve -k first
-A never,exit -F arch=b64 -S execve -F uid=4711
-a always,exclude -F msgtype=CWD
`

// fakeWatch watches a fake kernel with three rules.
func fakeWatch(t *testing.T, k *fakeKernel, beside bool) (*watch, *lines) {
	t.Helper()
	log := &lines{}
	j := &journal{owner: owner{os.Getpid(), 1}, dir: t.TempDir()}
	set, err := newRuleset(k, j, readRules(t, threeRules))
	if err != nil {
		t.Fatal(err)
	}
	return &watch{
		log: slog.New(slog.NewTextHandler(log, nil)), inlet: k, rules: set, beside: beside,
		tenure: &tenure{board: k, inlet: k, journal: j},
		lives:  func(pid int) bool { return pid != 404 },
	}, log
}
