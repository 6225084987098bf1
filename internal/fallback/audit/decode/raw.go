// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"

	"sensor/internal/events"
)

// audit gives the records' own fields by the names of auditd and Auditbeat.
// What the process is and who it belongs to is in the event itself. Arguments
// are left out, too: they have secrets, and only those of the process are masked.
func (d *deed) audit(main *auparse.AuditMessage) *events.Audit {
	a := &events.Audit{Type: strings.ToLower(main.RecordType.String()), Serial: main.Sequence}
	if n := d.call.who.SessionID; n != events.Unset {
		a.Session = strconv.FormatUint(uint64(n), 10)
	}
	if d.call.answered {
		a.Result = "success"
		if d.call.failed {
			a.Result = "fail"
		}
	}
	d.each(main, func(name, value string) bool { return d.entry(a, name, value) })
	for _, r := range d.records {
		switch r.RecordType {
		case auparse.AUDIT_PATH:
			a.Paths = append(a.Paths, fieldsOf(r))
		case auparse.AUDIT_SOCKADDR:
			a.Socket = d.socket()
		case auparse.AUDIT_EXECVE:
			d.each(r, func(name, value string) bool {
				if name == "argc" {
					a.Data = append(a.Data, events.AuditField{Name: name, Value: value})
				}
				return true
			})
		case auparse.AUDIT_PROCTITLE, auparse.AUDIT_SYSCALL, auparse.AUDIT_URINGOP:
		default:
			if ofCall(r.RecordType) {
				for _, f := range fieldsOf(r) {
					if !has(a.Data, f.Name) { // socketcall has a0 of its own
						a.Data = append(a.Data, f)
					}
				}
			}
		}
	}
	return a
}

// entry takes one field of the main record.
func (d *deed) entry(a *events.Audit, name, value string) bool {
	switch name {
	case "success", "ses", "auid", "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid", "pid", "ppid", "exe":
		return true
	case "arch":
		value = d.call.arch.String()
	case "syscall":
		value = d.call.name
	case "exit":
		if name := unix.ErrnoName(d.errno()); name != "" {
			value = name
		}
	case "key":
		a.Keys = slices.DeleteFunc(keysOf(value), d.ours)
		return true
	case "comm":
		value = d.call.comm
	}
	if value != "" && value != "(null)" && value != "(none)" {
		a.Data = append(a.Data, events.AuditField{Name: name, Value: value})
	}
	return true
}

// fieldsOf are all fields of a record that say something.
func fieldsOf(r *auparse.AuditMessage) (fields []events.AuditField) {
	text, _ := body(r)
	for name, value, rest, ok := cutField(text); ok; name, value, rest, ok = cutField(rest) {
		switch name {
		case "name", "cwd": // the only ones that user space has a say in
			if value, ok = untrusted(value); !ok {
				continue
			}
		default:
			if value == "(null)" || value == "(none)" {
				continue
			}
			value = strings.Trim(value, `"`)
		}
		fields = append(fields, events.AuditField{Name: name, Value: value})
	}
	return fields
}

func has(fields []events.AuditField, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// socket gives the parts of the SOCKADDR record.
func (d *deed) socket() []events.AuditField {
	a := d.parseAddress()
	field := func(name, value string) events.AuditField { return events.AuditField{Name: name, Value: value} }
	switch a.family {
	case unix.AF_INET, unix.AF_INET6:
		family := "ipv4"
		if a.family == unix.AF_INET6 {
			family = "ipv6"
		}
		return []events.AuditField{field("family", family), field("addr", a.ip.String()), field("port", fmt.Sprint(a.port))}
	case unix.AF_UNIX:
		return []events.AuditField{field("family", "unix"), field("path", a.local.Address)}
	case unix.AF_NETLINK:
		return []events.AuditField{field("family", "netlink"), field("saddr", d.address)}
	case unix.AF_UNSPEC:
		return nil
	}
	return []events.AuditField{field("family", fmt.Sprint(a.family)), field("saddr", d.address)}
}
