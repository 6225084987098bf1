// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// call is a SYSCALL record, or a URINGOP record as far as it goes.
type call struct {
	arch     auparse.AuditArch
	name     string // of the system call
	answered bool   // it came back: failed and exit are known
	failed   bool
	exit     int64
	args     [4]uint64
	hasArgs  bool // io_uring does not tell them
	pid      uint32
	parent   uint32
	who      events.Credentials
	tty      string
	comm     string
	exe      string // as it stands there
	key      string // as it stands there
}

// bits32 reports whether the caller runs as a program of 32 bits.
func (c *call) bits32() bool {
	return c.arch == auparse.AUDIT_ARCH_I386 || c.arch == auparse.AUDIT_ARCH_ARM
}

// keyless reports whether the rule that asked for the record has no key, if there was one.
func (c *call) keyless() bool { return c.key == "" || c.key == "(null)" }

// number parses what must be a number without sign below 1<<bits.
func number(value string, base, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(value, base, bits)
	return n, err == nil
}

// id parses a user, group, process or session id. Old kernels write those that are unset with a sign.
func id(value string) (uint32, bool) {
	if value == "-1" || value == "unset" {
		return events.Unset, true
	}
	n, ok := number(value, 10, 32)
	return uint32(n), ok
}

// parseCall reads the record that says which call it was. What cannot be
// understood is handed to fault.
func parseCall(r *auparse.AuditMessage, fault func(field, value string)) call {
	text, added := body(r)
	c := call{who: events.Credentials{LoginUID: events.Unset, SessionID: events.Unset}}
	nr, ids := -1, 0
	for name, value, rest, more := cutField(text); more; name, value, rest, more = cutField(rest) {
		ok := true
		var n uint64
		switch name {
		case "arch":
			n, ok = number(value, 16, 32)
			c.arch = auparse.AuditArch(n)
		case "syscall", "uring_op":
			n, ok = number(value, 10, 31)
			nr = int(n)
		case "success":
			c.answered, c.failed = true, value != "yes"
		case "exit":
			var err error
			c.exit, err = strconv.ParseInt(value, 10, 64)
			ok = err == nil
		case "a0", "a1", "a2", "a3":
			c.args[name[1]-'0'], ok = number(value, 16, 64)
			c.hasArgs = true
		case "ppid":
			c.parent, ok = id(value)
		case "pid":
			c.pid, ok = id(value)
		case "auid":
			c.who.LoginUID, ok = id(value)
		case "ses":
			c.who.SessionID, ok = id(value)
		case "tty":
			c.tty = value
		case "comm":
			c.comm, _ = untrusted(value)
		case "exe":
			c.exe = value
		case "key":
			c.key = value
		default:
			if to := c.identity(name); to != nil {
				if *to, ok = id(value); ok {
					ids++
				}
			}
		}
		if !ok {
			fault(name, value)
		}
	}
	c.who.Known = ids == 8
	c.words(added)
	switch {
	case nr < 0:
		fault("syscall", "")
	case r.RecordType == auparse.AUDIT_URINGOP:
		c.name = ringCalls[nr]
	default:
		c.name = callName(c.arch, nr)
	}
	return c
}

// identity is where the id with that name in the record belongs, or nil.
func (c *call) identity(name string) *uint32 {
	switch name {
	case "uid":
		return &c.who.Real.ID
	case "gid":
		return &c.who.RealGroup.ID
	case "euid":
		return &c.who.Effective.ID
	case "suid":
		return &c.who.Saved.ID
	case "fsuid":
		return &c.who.FS.ID
	case "egid":
		return &c.who.EffectiveGroup.ID
	case "sgid":
		return &c.who.SavedGroup.ID
	case "fsgid":
		return &c.who.FSGroup.ID
	}
	return nil
}

// words enters the names that auditd has found for the ids on the host where they are true.
func (c *call) words(added string) {
	for name, value, rest, more := cutField(added); more; name, value, rest, more = cutField(rest) {
		var to *string
		switch name {
		case "UID":
			to = &c.who.Real.Name
		case "GID":
			to = &c.who.RealGroup.Name
		case "EUID":
			to = &c.who.Effective.Name
		case "SUID":
			to = &c.who.Saved.Name
		case "FSUID":
			to = &c.who.FS.Name
		case "EGID":
			to = &c.who.EffectiveGroup.Name
		case "SGID":
			to = &c.who.SavedGroup.Name
		case "FSGID":
			to = &c.who.FSGroup.Name
		default:
			continue
		}
		*to = nameOf(value)
	}
}

// nameOf is a user's or group's name as auditd has found it, "" if it has not.
func nameOf(value string) string {
	name, _ := untrusted(value)
	if len(name) >= 8 && name[:8] == "unknown(" || name == "unset" {
		return ""
	}
	return name
}
