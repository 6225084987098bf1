// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"
	"testing"

	"sensor/internal/events"
)

func texts(t *testing.T, m machine, self uint32, kinds ...events.Kind) []string {
	t.Helper()
	rules, err := m.builtin(kinds, self)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, r := range rules {
		texts = append(texts, r.Text)
		if r.Optional != (r.record.list == listURing) {
			t.Errorf("%s: optional %v", r.Text, r.Optional)
		}
	}
	return texts
}

func TestBuiltin(t *testing.T) {
	for _, test := range []struct {
		arch  string
		self  uint32
		kinds []events.Kind
		want  []string
	}{
		{"amd64", 0, []events.Kind{events.KindFork, events.KindClose, events.KindAuthentication}, nil},
		{"amd64", 7, []events.Kind{events.KindExec, events.KindExit}, []string{
			"-a always,exit -F arch=b64 -S execve,execveat -F success=1 -F pid!=7",
			"-a always,exit -F arch=b64 -S exit_group -F pid!=7",
			"-a always,exit -F arch=b32 -S execve,execveat -F success=1 -F pid!=7",
			"-a always,exit -F arch=b32 -S exit_group -F pid!=7",
		}},
		{"amd64", 0, []events.Kind{events.KindExec, events.KindSessionIDChange, events.KindFileDelete, events.KindExec}, []string{
			"-a always,exit -F arch=b64 -S execve,execveat,setsid,unlink,unlinkat,rmdir -F success=1",
			"-a always,exit -F arch=b32 -S execve,execveat,setsid,unlink,unlinkat,rmdir -F success=1",
			"-a always,io_uring -S unlinkat -F success=1",
		}},
		{"amd64", 0, []events.Kind{events.KindAccept, events.KindUnixAccept}, []string{
			"-a always,exit -F arch=b64 -S accept,accept4 -F success=1",
			"-a always,exit -F arch=b32 -S accept4 -F success=1",
			"-a always,exit -F arch=b32 -S socketcall -F a0=5 -F success=1",
			"-a always,exit -F arch=b32 -S socketcall -F a0=18 -F success=1",
			"-a always,io_uring -S accept -F success=1",
		}},
		{"arm64", 0, []events.Kind{events.KindFileCreate, events.KindFileWrite}, []string{
			"-a always,exit -F arch=b64 -S openat2,mkdirat,mknodat,symlinkat,linkat,truncate -F success=1",
			"-a always,exit -F arch=b64 -S openat,open_by_handle_at -F a2&0x243 -F success=1 -F filetype=file",
			"-a always,exit -F arch=b32 -S creat,openat2,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,truncate,truncate64 -F success=1",
			"-a always,exit -F arch=b32 -S open -F a1&0x243 -F success=1 -F filetype=file",
			"-a always,exit -F arch=b32 -S openat,open_by_handle_at -F a2&0x243 -F success=1 -F filetype=file",
			"-a always,io_uring -S openat,openat2,mkdirat,symlinkat,linkat -F success=1",
		}},
		{"arm64", 0, []events.Kind{events.KindConnect}, []string{
			"-a always,exit -F arch=b64 -S connect -F saddr_fam>=2 -F saddr_fam<=10",
			"-a always,exit -F arch=b32 -S connect -F saddr_fam>=2 -F saddr_fam<=10",
			"-a always,io_uring -S connect -F exit!=-EAGAIN",
		}},
	} {
		if got := texts(t, machines[test.arch], test.self, test.kinds...); !slices.Equal(got, test.want) {
			t.Errorf("%s %v: got\n%s\nwant\n%s", test.arch, test.kinds, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// TestRequestsNameCalls: a misspelt call would silently be in no rule.
func TestRequestsNameCalls(t *testing.T) {
	for kind, asked := range requests {
		for _, r := range asked {
			for _, name := range r.calls {
				_, known := operations[name]
				for _, m := range machines {
					if r.list != "io_uring" {
						for _, arch := range []string{m.native, m.compat} {
							_, ok := call(arch, name)
							known = known || ok
						}
					}
				}
				if !known {
					t.Errorf("%s: %s is nothing", kind, name)
				}
			}
		}
	}
}

// TestDefaultRulesAreFew: every rule costs every system call.
func TestDefaultRulesAreFew(t *testing.T) {
	var kinds []events.Kind
	for _, k := range events.Kinds() {
		if k.Traits().Default {
			kinds = append(kinds, k)
		}
	}
	for arch, m := range machines {
		if got := texts(t, m, 1, kinds...); len(got) > 15 {
			t.Errorf("%s: %d rules:\n%s", arch, len(got), strings.Join(got, "\n"))
		}
	}
}
