// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strconv"
	"strings"
	"testing"

	"sensor/internal/events"
)

func TestCovers(t *testing.T) {
	const (
		exec64 = "-a always,exit -F arch=b64 -S execve,execveat -k exec"
		exec32 = "-a always,exit -F arch=b32 -S execve,execveat -k exec"
	)
	for _, test := range []struct {
		name  string
		kind  events.Kind
		lines []string
		why   string // of no, or of yes if it begins with "not"
		no    bool
	}{
		{"both", events.KindExec, []string{exec64, exec32}, "", false},
		{"any system call", events.KindExec, []string{"-a always,exit -S all -F success=1"}, "", false},
		{"numbers", events.KindExec, []string{"-a always,exit -F arch=x86_64 -S 59,322", "-a always,exit -F arch=i386 -S 11 -S 358"}, "", false},
		{"one for each call", events.KindExec, []string{exec32, "-a always,exit -F arch=b64 -S execve", "-a always,exit -F arch=b64 -S execveat"}, "", false},
		{"harmless others", events.KindExec, []string{
			"-a always,exclude -F msgtype=PROCTITLE", "-a never,filesystem -F fstype=tracefs", "-a never,exit -F arch=b64 -S adjtimex",
			"-a never,exit -F arch=b32 -S 59", "-w /etc/passwd -p wa", "-a always,exit -F arch=b64 -S execve -F auid>=1000", exec64, exec32}, "", false},
		{"no rules", events.KindExec, nil, "execve of x86_64: no rule records it", true},
		{"no 32 bits", events.KindExec, []string{exec64}, "execve of i386: no rule records it", true},
		{"one call lacks", events.KindExec, []string{"-a always,exit -F arch=b64 -S execve", exec32}, "execveat of x86_64: no rule records it", true},
		{"users", events.KindExec, []string{"-a always,exit -S all -F auid>=1000 -F auid!=unset"}, "execve of x86_64: no rule records it", true},
		{"failures", events.KindExec, []string{"-a always,exit -S all -F success=0"}, "execve of x86_64: no rule records it", true},
		{"successes", events.KindExecFailed, []string{"-a always,exit -S all -F success=1"}, "execve of x86_64: no rule records it", true},
		{"not another architecture", events.KindExec, []string{"-a always,exit -F arch!=b64 -S all"}, "execve of x86_64: no rule records it", true},
		{"never before", events.KindExec, []string{"-a never,exit -S all -F exe=/usr/bin/x", exec64, exec32}, "execve of x86_64: a rule before", true},
		{"never behind", events.KindExec, []string{exec64, exec32, "-a never,exit -S all"}, "", false},
		{"tasks", events.KindExec, []string{"-a never,task", exec64, exec32}, "a rule of the list task exempts", true},
		{"records", events.KindExec, []string{"-a always,exclude -F msgtype=EXECVE", exec64, exec32}, "a rule of the list exclude", true},
		{"processes' records", events.KindExec, []string{"-a always,exclude -F uid=5", exec64, exec32}, "a rule of the list exclude", true},
		{"file systems", events.KindExec, []string{"-a never,filesystem -F fstype=0xef53", exec64, exec32}, "a rule of the list filesystem", true},
		{"no socketcall", events.KindAccept, []string{
			"-a always,exit -F arch=b64 -S accept,accept4", "-a always,exit -F arch=b32 -S accept4"}, "socketcall of i386: no rule", true},
		{"socketcall", events.KindAccept, []string{
			"-a always,exit -F arch=b64 -S accept,accept4", "-a always,exit -F arch=b32 -S accept4,socketcall"}, "not what io_uring does", false},
		{"wider flags", events.KindFileCreate, []string{
			"-a always,exit -F arch=b64 -S creat,openat2,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat",
			"-a always,exit -F arch=b32 -S creat,openat2,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat",
			"-a always,exit -S 2,5 -F a1&0x43", "-a always,exit -F arch=b64 -S openat -F a2&0x243", "-a always,exit -F arch=b32 -S openat",
			"-a always,io_uring -S all"}, "", false},
		{"narrower flags", events.KindFileWrite, []string{
			"-a always,exit -F arch=b64 -S creat,openat2,truncate", "-a always,exit -F arch=b64 -S open -F a1&0x3"}, "open of x86_64: no rule", true},
		{"new calls", events.KindFileAttributes, []string{"-a always,exit -S " + strings.Join(someCalls(462), ",")},
			"not setxattrat, removexattrat, file_setattr, what io_uring does", false},
		{"nothing could", events.KindFork, []string{"-a always,exit -S all"}, "no rule can serve it", true},
	} {
		set, err := parse(t, machines["amd64"], test.lines...)
		if err != nil {
			t.Fatal(err)
		}
		var loaded [][]byte
		for _, r := range set.Rules {
			loaded = append(loaded, r.Listed())
		}
		ok, why := machines["amd64"].covers(loaded, test.kind)
		if ok == test.no || !strings.HasPrefix(why, test.why) || test.why == "" && why != "" {
			t.Errorf("%s: got %v, %q, want %v, %q", test.name, ok, why, !test.no, test.why)
		}
	}
	if ok, why := machines["amd64"].covers([][]byte{{1, 2, 3}}, events.KindExec); ok || !strings.Contains(why, "cannot be understood") {
		t.Errorf("a broken rule: got %v, %q", ok, why)
	}
}

// someCalls are the system calls up to one, as numbers.
func someCalls(last uint32) []string {
	var names []string
	for n := range last + 1 {
		names = append(names, strconv.Itoa(int(n)))
	}
	return names
}

// TestBuiltinCovers: our own rules cover their kinds, also for another sensor than the one that they leave out.
func TestBuiltinCovers(t *testing.T) {
	for arch, m := range machines {
		for _, self := range []uint32{0, 7} {
			rules, err := m.builtin(Serves(), self)
			if err != nil {
				t.Fatal(err)
			}
			var loaded [][]byte
			for _, r := range rules {
				loaded = append(loaded, r.Listed())
			}
			for _, kind := range Serves() {
				if ok, why := m.covers(loaded, kind); !ok || why != "" {
					t.Errorf("%s, %s, self %d: got %v, %s", arch, kind, self, ok, why)
				}
			}
		}
	}
}
