// SPDX-License-Identifier: Apache-2.0

// Package users names the user and group ids of processes and files.
package users

import (
	"errors"
	"time"

	"sensor/internal/events"
)

// interval is how often the files are looked at, at most.
const interval = time.Second

// Users fills in the names of users and groups as a host's /etc/passwd and
// /etc/group have them. It asks no network: users of a directory (LDAP, SSSD) have
// no name. It implements [events.Enricher], allocates nothing but for its look at
// the files once a second, and is for one goroutine.
type Users struct {
	users, groups *table
	now           func() time.Time
	next          time.Time // when to look at the files again
}

// New reads the files below root: "" or "/", or /proc/1/root in a container with
// the host's pid namespace. Files that cannot be read, which Err tells, name
// nobody until they can.
func New(root string) *Users {
	u := &Users{
		users:  &table{root: root, name: "etc/passwd", minFields: 4},
		groups: &table{root: root, name: "etc/group", minFields: 3},
		now:    time.Now,
	}
	u.refresh()
	return u
}

// Err joins what was wrong with the files when they were last looked at. Names
// read before stay in use.
func (u *Users) Err() error { return errors.Join(u.users.err, u.groups.err) }

// Enrich implements [events.Enricher]. It writes into the event's file and process,
// so it has to run before these are shared with other goroutines; a process that
// an encoder has seen is left alone.
func (u *Users) Enrich(e *events.Event) {
	p, f := e.Process, e.File
	if p != nil && p.Fragment() != nil {
		p = nil
	}
	if f != nil && !f.Known && !f.HasMode {
		f = nil
	}
	a := e.Account
	if p == nil && f == nil && a == nil {
		return
	}
	u.refresh()
	if a != nil {
		for _, user := range [...]*events.Principal{&a.User, &a.Effective, &a.Target, &a.Login} {
			name(user, u.users)
		}
		name(&a.Group, u.groups)
	}
	if p != nil {
		u.process(p)
	}
	if f != nil {
		f.Owner.Name = u.users.names[f.Owner.ID]
		f.Group.Name = u.groups.names[f.Group.ID]
	}
}

// name names whom a program has told by the id alone. An account that is being made may have no name yet.
func name(p *events.Principal, names *table) {
	if p.HasID && p.Name == "" {
		p.Name = names.names[p.ID]
	}
}

func (u *Users) process(p *events.Process) {
	c := &p.Credentials
	if !c.Known { // but perhaps who acted
		c.Effective.Name = u.users.names[c.Effective.ID]
		c.EffectiveGroup.Name = u.groups.names[c.EffectiveGroup.ID]
		return
	}
	for _, user := range [...]*events.User{&c.Real, &c.Effective, &c.Saved, &c.FS} {
		user.Name = u.users.names[user.ID]
	}
	for _, group := range [...]*events.Group{&c.RealGroup, &c.EffectiveGroup, &c.SavedGroup, &c.FSGroup} {
		group.Name = u.groups.names[group.ID]
	}
	for i := range c.Groups {
		c.Groups[i].Name = u.groups.names[c.Groups[i].ID]
	}
}

func (u *Users) refresh() {
	now := u.now()
	if now.Before(u.next) {
		return
	}
	u.next = now.Add(interval)
	u.users.refresh()
	u.groups.refresh()
}
