// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// ofCall reports whether a record is a part of what is said about a system call,
// and not a thing of its own that happened during it.
func ofCall(record auparse.AuditMessageType) bool {
	switch record {
	case auparse.AUDIT_SYSCALL, auparse.AUDIT_URINGOP, auparse.AUDIT_PATH, auparse.AUDIT_CWD, auparse.AUDIT_EXECVE,
		auparse.AUDIT_PROCTITLE, auparse.AUDIT_SOCKADDR, auparse.AUDIT_SOCKETCALL, auparse.AUDIT_BPRM_FCAPS,
		auparse.AUDIT_CAPSET, auparse.AUDIT_MMAP, auparse.AUDIT_FD_PAIR, auparse.AUDIT_OBJ_PID, auparse.AUDIT_OPENAT2,
		auparse.AUDIT_KERN_MODULE, auparse.AUDIT_IPC, auparse.AUDIT_IPC_SET_PERM, auparse.AUDIT_MQ_OPEN,
		auparse.AUDIT_MQ_SENDRECV, auparse.AUDIT_MQ_NOTIFY, auparse.AUDIT_MQ_GETSETATTR,
		auparse.AUDIT_TIME_INJOFFSET, auparse.AUDIT_TIME_ADJNTPVAL, auparse.AUDIT_EOE, macTaskContexts, macObjContexts:
		return true
	}
	return false
}

// The labels of several security modules at once, since Linux 6.18.
const (
	macTaskContexts auparse.AuditMessageType = 1425
	macObjContexts  auparse.AuditMessageType = 1426
)

// syscall decodes what a system call has done: the main record (SYSCALL or
// URINGOP) and those that belong to it. What else is told in the same audit
// event happened during the call, and was done by the process that called.
func (d *Decoder) syscall(main *auparse.AuditMessage, records []*auparse.AuditMessage) ([]*events.Event, error) {
	b := &deed{decoder: d, records: records, items: d.items[:0]}
	b.read(main)
	d.items = b.items
	if w, ok := ways[b.call.name]; ok {
		w.does(b, &w)
	}
	var others []*auparse.AuditMessage
	for _, r := range records {
		if !ofCall(r.RecordType) {
			others = append(others, r)
		}
	}
	// A record without a key stands for a rule without one, or is there only
	// because the kernel had another thing to tell.
	asked := b.keyed() || b.call.keyless() && others == nil
	if len(b.told) == 0 && asked && b.wants(events.KindAudit) {
		e := b.tell(events.KindAudit)
		e.Words = wordsOf(b.call.name)
		e.Audit = b.audit(main)
	}
	if d.options.Raw {
		for _, e := range b.told {
			if e.Audit == nil {
				e.Audit = b.audit(main)
			}
		}
	}
	if others == nil {
		return b.told, b.err()
	}
	more, err := d.told(others)
	for _, e := range more {
		if e.Process == nil || e.Process.PID == 0 || e.Process.PID == b.call.pid {
			e.Process = b.process()
			e.Process.Args = b.title()
		}
	}
	if err != nil {
		b.errs = append(b.errs, err)
	}
	return append(b.told, more...), b.err()
}

// keyed reports whether a rule that has a key other than ours asked for the record.
func (b *deed) keyed() bool {
	for _, key := range keysOf(b.call.key) {
		if !b.ours(key) {
			return true
		}
	}
	return false
}

// ours reports whether a key is that of the sensor's own rules, or of another
// sensor's: sensor-PID-START.
func (d *deed) ours(key string) bool {
	rest, ok := strings.CutPrefix(key, "sensor-")
	pid, start, two := strings.Cut(rest, "-")
	_, isPID := number(pid, 10, 32)
	_, isStart := number(start, 10, 64)
	return key == d.decoder.options.Key || ok && two && isPID && isStart
}

// keysOf are the keys of a rule, which may have several.
func keysOf(value string) []string {
	text, ok := untrusted(value)
	if !ok {
		return nil
	}
	return strings.Split(text, "\x01")
}
