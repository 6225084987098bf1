// SPDX-License-Identifier: Apache-2.0

package assemble

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// Bounds of the kernel's own records that go-libaudit has no names for.
const (
	firstEvent = 1300 // system calls and what happens in them, up to 1999
	kernelNote = 2000 // AUDIT_KERNEL
)

// ofDaemon reports whether auditd writes such records by itself. Their serials
// are not the kernel's.
func ofDaemon(t auparse.AuditMessageType) bool { return t >= 1200 && t < firstEvent }

// alone reports whether a record of this type is always a whole event, for
// which no EOE comes: what programs and auditd tell, and the kernel's notes. Of
// all others only time tells: a change of the audit configuration, a login or a
// denial is a part of its system call if somebody watches system calls, on new
// kernels even if nobody does, and stands alone else.
func alone(t auparse.AuditMessageType) bool {
	return t < firstEvent && t != auparse.AUDIT_LOGIN || t >= kernelNote
}

// complete judges what is there of an event.
func complete(records []*auparse.AuditMessage, ended bool) bool {
	var head *auparse.AuditMessage
	var parts, paths int
	for _, m := range records {
		switch m.RecordType {
		case auparse.AUDIT_SYSCALL, auparse.AUDIT_URINGOP:
			head = m
		case auparse.AUDIT_PATH:
			paths++
			parts++
		case auparse.AUDIT_CWD, auparse.AUDIT_EXECVE, auparse.AUDIT_SOCKADDR, auparse.AUDIT_PROCTITLE,
			auparse.AUDIT_FD_PAIR, auparse.AUDIT_OBJ_PID, auparse.AUDIT_BPRM_FCAPS:
			parts++
		}
	}
	switch {
	case head == nil:
		return parts == 0
	case ended:
		return true // filters may exclude types of records, so nothing can be said about parts
	}
	// Logs have no EOE, and old kernels make no PROCTITLE, which comes last.
	return paths >= items(head.RawData)
}

// items is how many PATH records a system call announces.
func items(text string) int {
	_, after, _ := strings.Cut(text, " items=")
	digits, _, _ := strings.Cut(after, " ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
