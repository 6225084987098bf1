// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"net/netip"
	"strings"

	"sensor/internal/events"
)

// naming says whom the fields acct and id of a record name.
type naming uint8

const (
	namesNobody naming = iota
	namesEffective
	namesTarget
	namesGroup
)

// account is whose login, session or account the record is about, and who acted;
// nil if it says nothing of that.
func (s *statement) account(kind events.Kind, names naming) *events.Account {
	var a events.Account
	if a.Login = s.user("auid", "AUID"); !a.Login.HasID {
		a.Login = s.user("new-auid", "AUID")
	}
	if session, ok := s.id("ses"); ok {
		a.Session = session
	} else if session, ok := s.id("new-ses"); ok {
		a.Session = session
	}
	real := s.user("uid", "UID")
	login := kind == events.KindAuthentication || kind == events.KindSession
	// A daemon that lets somebody in runs as root, and has not acted for root.
	if a.User = a.Login; !a.User.HasID && (!login || real.ID != 0) {
		a.User = real
	}
	switch names {
	case namesEffective:
		a.Effective = s.named(true)
	case namesTarget:
		a.Target = s.named(true)
	case namesGroup:
		a.Group = s.named(false)
	}
	if kind == events.KindIAM {
		a.Effective = real
		if name := s.get("grp"); name != "" && names != namesGroup {
			a.Group = events.Principal{Name: name}
		}
	}
	if before, ok := s.before(); ok {
		a.User, a.Effective = before, a.Login
	}
	s.place(&a, login)
	if a == (events.Account{}) {
		return nil
	}
	return &a
}

// before is whose the login uid was until it was set; ok is false if the record
// does not say that it was. What it is now, old kernels call new.
func (s *statement) before() (user events.Principal, ok bool) {
	_, ok = s.find("old-auid")
	return s.user("old-auid", "OLD-AUID"), ok
}

// user is the user whose id stands in a field, with the name that auditd has added.
func (s *statement) user(field, word string) events.Principal {
	n, ok := s.id(field)
	if !ok {
		return events.Principal{}
	}
	return events.Principal{ID: n, HasID: true, Name: s.word(word)}
}

// named is whom acct and id name. What auditd adds to an id is the name of a
// user, also where it is a group's.
func (s *statement) named(user bool) events.Principal {
	var p events.Principal
	p.ID, p.HasID = s.id("id")
	p.Name = s.get("acct")
	if p.Name == "" && p.HasID && user {
		p.Name = s.word("ID")
	}
	return p
}

// place enters from where and by what: of a login the host name may be all that
// is known, but else programs write that of this host.
func (s *statement) place(a *events.Account, login bool) {
	host := s.get("hostname")
	for _, text := range [...]string{s.get("addr"), host} {
		if address, err := netip.ParseAddr(text); err == nil && !a.Address.IsValid() {
			a.Address = address.WithZone("").Unmap()
		}
	}
	if _, err := netip.ParseAddr(host); err != nil && (login || a.Address.IsValid()) {
		a.Domain = host
	}
	if a.Terminal = s.get("terminal"); a.Terminal == "" {
		a.Terminal = s.get("tty")
	}
	if a.Service = s.get("unit"); a.Service == "" && login {
		a.Service = service(s.get("exe"))
	}
}

// service is the name of the program, which OpenSSH has divided into several.
func service(exe string) string {
	switch name := exe[strings.LastIndexByte(exe, '/')+1:]; name {
	case "sshd-session", "sshd-auth":
		return "sshd"
	default:
		return name
	}
}
