// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// Covers says whether rules that the kernel listed (AUDIT_LIST_RULES, in
// their order) let it record every event of the kind, so that the kind can be
// served beside another audit daemon without rules of our own. In doubt it
// says no, and why says what is missing. With yes, why is empty or says which
// rare ways are missed all the same.
func Covers(loaded [][]byte, kind events.Kind) (ok bool, why string) {
	m, err := host()
	if err != nil {
		return false, err.Error()
	}
	return m.covers(loaded, kind)
}

func (m machine) covers(loaded [][]byte, kind events.Kind) (bool, string) {
	wanted, err := m.builtin([]events.Kind{kind}, 0)
	if err != nil {
		return false, err.Error()
	}
	if len(wanted) == 0 {
		return false, "no rule can serve it"
	}
	lists := map[uint32][]record{}
	for _, b := range loaded {
		r, err := read(b)
		if err != nil {
			return false, "a rule of the kernel cannot be understood: " + err.Error()
		}
		if why := hides(r); why != "" {
			return false, why
		}
		lists[r.list] = append(lists[r.list], r)
	}
	var missed []string
	for _, want := range wanted {
		for _, number := range want.record.calls() {
			why := covered(lists[want.record.list], want.record, number)
			if why == "" {
				continue
			}
			name, rare := m.describe(want.record, number)
			if !rare {
				return false, fmt.Sprintf("%s: %s", name, why)
			}
			if !slices.Contains(missed, name) {
				missed = append(missed, name)
			}
		}
	}
	if len(missed) > 0 {
		return true, "not " + strings.Join(missed, ", ")
	}
	return true, ""
}

// needed are the records that events are made of.
var needed = []auparse.AuditMessageType{
	auparse.AUDIT_SYSCALL, auparse.AUDIT_PATH, auparse.AUDIT_SOCKADDR, auparse.AUDIT_CWD, auparse.AUDIT_EXECVE,
	auparse.AUDIT_SOCKETCALL, auparse.AUDIT_OPENAT2, auparse.AUDIT_URINGOP,
}

// hides says why the rule takes events or their records away, whatever others
// there are; empty if it does not.
func hides(r record) string {
	switch r.list {
	case listTask:
		if r.action == actionNever {
			return "a rule of the list task exempts new processes"
		}
	case listExclude:
		f, ok := r.field(fieldMsgType)
		if !ok || f.op != opEqual || slices.Contains(needed, auparse.AuditMessageType(f.value)) {
			return "a rule of the list exclude takes records away"
		}
	case listFilesystem:
		f, ok := r.field(fieldFSType)
		if !ok || f.op != opEqual || f.value != fileSystems["tracefs"] && f.value != fileSystems["debugfs"] {
			return "a rule of the list filesystem takes paths away"
		}
	}
	return ""
}

// covered says why the rules of one list, of which the kernel takes the first
// that matches, do not record the call whenever want would; empty if they do.
func covered(rules []record, want record, number uint32) string {
	for _, r := range rules {
		if !r.has(number) || otherArch(r, want) {
			continue
		}
		if r.action == actionNever {
			return "a rule before the right one, if there is one, may say never"
		}
		if r.implied(want) {
			return ""
		}
	}
	return "no rule records it without further conditions"
}

func otherArch(r, want record) bool {
	f, ok := r.field(fieldArch)
	w, known := want.field(fieldArch)
	return ok && known && f.op == opEqual && f.value != w.value
}

// implied says that whatever the conditions of want let through, r's do.
func (r record) implied(want record) bool {
	for _, f := range r.fields {
		if f.id == fieldKey || f.id == fieldPID && f.op == opNotEqual { // but for one process, such as another sensor
			continue
		}
		if !slices.ContainsFunc(want.fields, func(w field) bool {
			return w == f || w.id == f.id && w.op == opBitMask && f.op == opBitMask && w.value&^f.value == 0
		}) {
			return false
		}
	}
	return true
}

// describe names the call that a rule is for. The rules of others do as a rule
// not know the rare ones: io_uring, and system calls newer than Linux 6.10.
func (m machine) describe(r record, number uint32) (name string, rare bool) {
	if r.list == listURing {
		return "what io_uring does", true
	}
	arch := m.native
	if f, ok := r.field(fieldArch); ok {
		arch = auparse.AuditArchNames[auparse.AuditArch(f.value)]
	}
	for name, late := range later {
		if late == number {
			return name, true
		}
	}
	return auparse.AuditSyscalls[arch][int(number)] + " of " + arch, false
}
