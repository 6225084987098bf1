// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sensor/internal/events"
)

func TestCapabilities(t *testing.T) {
	// From include/uapi/linux/capability.h.
	tests := []struct {
		bit  int
		name string
	}{
		{0, "CAP_CHOWN"}, {1, "CAP_DAC_OVERRIDE"}, {5, "CAP_KILL"}, {6, "CAP_SETGID"}, {7, "CAP_SETUID"}, {10, "CAP_NET_BIND_SERVICE"},
		{12, "CAP_NET_ADMIN"}, {13, "CAP_NET_RAW"}, {16, "CAP_SYS_MODULE"}, {17, "CAP_SYS_RAWIO"}, {19, "CAP_SYS_PTRACE"},
		{21, "CAP_SYS_ADMIN"}, {25, "CAP_SYS_TIME"}, {27, "CAP_MKNOD"}, {30, "CAP_AUDIT_CONTROL"}, {31, "CAP_SETFCAP"}, {34, "CAP_SYSLOG"},
		{37, "CAP_AUDIT_READ"}, {38, "CAP_PERFMON"}, {39, "CAP_BPF"}, {40, "CAP_CHECKPOINT_RESTORE"}, {41, "CAP_41"}, {63, "CAP_63"},
	}
	e := NewEncoder(fullOptions())
	show := func(effective, permitted uint64) string {
		ev := full(events.KindExec)
		ev.Process.Credentials.CapEffective, ev.Process.Credentials.CapPermitted = effective, permitted
		d := mustParse(t, e.Append(nil, ev))
		return fmt.Sprint(d["process.thread.capabilities.effective"], d["process.thread.capabilities.permitted"])
	}
	for i, test := range tests {
		next := tests[(i+1)%len(tests)]
		want := fmt.Sprintf("[%s] [%s]", test.name, next.name)
		for range 2 { // the second time from what the encoder keeps
			if got := show(1<<test.bit, 1<<next.bit); got != want {
				t.Errorf("bits %d and %d: %s, want %s", test.bit, next.bit, got, want)
			}
		}
	}
	if got, want := show(1<<12|1<<13|1<<40, 1<<63), "[CAP_NET_ADMIN CAP_NET_RAW CAP_CHECKPOINT_RESTORE] [CAP_63]"; got != want {
		t.Errorf("several: %s, want %s", got, want)
	}
}

// A process that has the pid of a leader is the leader only if it started at the same time.
func TestSameAsProcess(t *testing.T) {
	ev := full(events.KindExec)
	pid, startKey := ev.Process.PID, ev.Process.StartKey
	for _, test := range []struct {
		pid      uint32
		startKey uint64
		want     string
	}{
		{pid, startKey, "true"},
		{pid, startKey + 1, "false"},
		{pid + 1, startKey, "false"},
	} {
		leader := &events.Process{PID: test.pid, StartKey: test.startKey}
		ev.Family = events.Family{EntryLeader: leader, SessionLeader: leader, GroupLeader: leader}
		d := mustParse(t, NewEncoder(fullOptions()).Append(nil, ev))
		for _, name := range []string{"entry_leader", "session_leader", "group_leader"} {
			if got := d.one(t, "process."+name+".same_as_process"); got != test.want {
				t.Errorf("%s %d started at %d: %s, want %s", name, test.pid, test.startKey, got, test.want)
			}
		}
	}
}

// A fragment says what its process said when it was first written, in every
// document, and lies in no buffer that the encoder writes again.
func TestFragmentsStayAsTheyAre(t *testing.T) {
	e := NewEncoder(fullOptions())
	first, other := full(events.KindExec), full(events.KindExec)
	first.Process.Name, first.Process.Args.Packed = "\xff", "\xfe"
	other.Process = fullProcess(1, "other\xfd", strings.Repeat("x\x00\xfc", 3000), 0)
	other.Family = events.Family{Parent: other.Process, GroupLeader: other.Process}
	want := e.Append(nil, first)
	if first.Process.Fragment() == nil {
		t.Fatal("nothing was kept with the process")
	}
	e.Append(nil, other)
	if got := e.Append(nil, first); !bytes.Equal(got, want) {
		t.Errorf("after another event:\n%s\nwant\n%s", got, want)
	}
}
