// SPDX-License-Identifier: Apache-2.0

package ecs

import "sensor/internal/events"

// account writes who acted and whose account it was, from where and by which service.
func (w *writer) account(a *events.Account) {
	user := len(w.b)
	w.open("user")
	w.known("user", a.User)
	w.knownAs("effective", "user.effective", a.Effective)
	w.knownAs("target", "user.target", a.Target)
	w.closeOrDrop(user)
	w.knownAs("group", "group", a.Group)
	source := len(w.b)
	w.open("source")
	if a.Address.IsValid() {
		w.key("address")
		w.ip(a.Address)
		w.key("ip")
		w.ip(a.Address)
	} else {
		w.word("address", a.Domain) // without a raw field: domain has it
	}
	w.text("domain", "source.domain", a.Domain)
	w.closeOrDrop(source)
	service := len(w.b)
	w.open("service")
	w.text("name", "service.name", a.Service)
	w.closeOrDrop(service)
}

// knownAs writes an object with what is known of a user or a group. field is its path.
func (w *writer) knownAs(name, field string, p events.Principal) {
	begin := len(w.b)
	w.open(name)
	w.known(field, p)
	w.closeOrDrop(begin)
}

func (w *writer) known(field string, p events.Principal) {
	if p.HasID {
		w.id(uint64(p.ID))
	}
	if p.Name == "" {
		return
	}
	w.key("name")
	if !w.quote(p.Name) {
		w.raws = append(w.raws, raw{field + ".name", p.Name})
	}
}

// login writes how whoever acted had come in.
func (w *writer) login(a *events.Account) {
	begin := len(w.b)
	w.open("login")
	if a.Login.HasID {
		w.number("uid", uint64(a.Login.ID))
	}
	if a.Session != 0 {
		w.number("session", uint64(a.Session))
	}
	w.text("terminal", "login.terminal", a.Terminal)
	w.closeOrDrop(begin)
}
