// SPDX-License-Identifier: Apache-2.0

package events

import (
	"net/netip"
	"slices"
	"strings"
	"unsafe"
)

// Account is whose login, session or account an event is about, as a program
// has told the audit system.
type Account struct {
	User      Principal // user: who acted
	Effective Principal // user.effective: as whom, the account that was taken on
	Target    Principal // user.target: the account that was changed
	Group     Principal // group: that was changed
	Login     Principal // who had logged in, whoever they have become since: audit's login uid
	Session   uint32    // number of that login's session; 0 if unknown
	Address   netip.Addr
	Domain    string // host name that the program gave for the other side
	Service   string // that let them in, or not, or that was started: sshd, cron; "" if unknown
	Terminal  string
}

// Principal is a user or a group of which the id, the name or neither is known.
type Principal struct {
	ID    uint32
	HasID bool
	Name  string
}

func (a *Account) memory() int {
	return int(unsafe.Sizeof(*a)) + len(a.User.Name) + len(a.Effective.Name) + len(a.Target.Name) +
		len(a.Group.Name) + len(a.Login.Name) + len(a.Domain) + len(a.Service) + len(a.Terminal)
}

// Audit are audit records as auditd and Auditbeat name their fields.
type Audit struct {
	Type    string   // of the record that names the event, in lower case: syscall, user_login
	Serial  uint32   // the kernel's number of the event
	Session string   // auditd.session; "" if unset
	Result  string   // success or fail; "" if unknown
	Keys    []string // of the rules that matched: tags
	Data    []AuditField
	Paths   [][]AuditField // PATH records
	Socket  []AuditField   // SOCKADDR: family, addr, port, path
}

// AuditField is one field of a record, decoded.
type AuditField struct{ Name, Value string }

// AuditFields lists fields in the order of their names. A name is made of
// letters, digits, - and _; what has another one, or no value, is left out.
func AuditFields(values map[string]string) []AuditField {
	fields := make([]AuditField, 0, len(values))
	for name, value := range values {
		if value != "" && ValidAuditName(name) {
			fields = append(fields, AuditField{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b AuditField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// ValidAuditName reports whether a field may have this name.
func ValidAuditName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return name != ""
}

func (a *Audit) memory() int {
	size := int(unsafe.Sizeof(*a)) + fieldsMemory(a.Data) + fieldsMemory(a.Socket)
	for _, key := range a.Keys {
		size += int(unsafe.Sizeof(key)) + len(key)
	}
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
