// SPDX-License-Identifier: Apache-2.0

package events

import (
	"net/netip"
	"unsafe"
)

// Account is whose login, session or account an event is about, as a program
// has told the audit system.
type Account struct {
	User     Principal // user: who acted
	Target   Principal // user.target: the account that was changed, user.effective where somebody took it on
	Group    Principal // group: that was changed
	Address  netip.Addr
	Domain   string // host name that the program gave for the other side
	Service  string // what let them in, or not: sshd, sudo; "" if unknown
	Terminal string
}

// Principal is a user or a group of which the id, the name or neither is known.
type Principal struct {
	ID    uint32
	HasID bool
	Name  string
}

func (a *Account) memory() int {
	return int(unsafe.Sizeof(*a)) + len(a.User.Name) + len(a.Target.Name) + len(a.Group.Name) + len(a.Domain) + len(a.Service) + len(a.Terminal)
}

// Audit are audit records as auditd and Auditbeat name their fields.
type Audit struct {
	Type    string // of the record that names the event, in lower case: syscall, user_login
	Serial  uint32 // the kernel's number of the event
	Session string // auditd.session; "" if unset
	Result  string // success or fail; "" if unknown
	Data    []AuditField
	Paths   [][]AuditField // PATH records
	Socket  []AuditField   // SOCKADDR: family, addr, port, path
}

// AuditField is one field of a record, decoded.
type AuditField struct{ Name, Value string }

func (a *Audit) memory() int {
	size := int(unsafe.Sizeof(*a)) + fieldsMemory(a.Data) + fieldsMemory(a.Socket)
	for _, path := range a.Paths {
		size += fieldsMemory(path)
	}
	return size
}

func fieldsMemory(fields []AuditField) int {
	size := 0
	for _, f := range fields {
		size += int(unsafe.Sizeof(f)) + len(f.Name) + len(f.Value)
	}
	return size
}
