// SPDX-License-Identifier: Apache-2.0

package log

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"sensor/internal/events"
)

// Names are those of users and groups as the host that wrote the log knew them
// at the time. It implements [events.Enricher].
type Names struct{ users, groups map[uint32]string }

// NamesOf collects the names that auditd has added to the records of an event
// (log_format = ENRICHED). It is nil if there are none.
func NamesOf(records []*auparse.AuditMessage) *Names {
	var n *Names
	for _, m := range records {
		o, ok := m.Payload.(*origin)
		if !ok || o.names == "" {
			continue
		}
		if n == nil {
			n = &Names{users: map[uint32]string{}, groups: map[uint32]string{}}
		}
		n.add(m, o.names)
	}
	return n
}

// add reads pairs of a key, in upper case, and a quoted name. The field of the
// record with the same name has the number.
func (n *Names) add(m *auparse.AuditMessage, text string) {
	for text != "" {
		key, rest, ok := strings.Cut(text, `="`)
		if !ok {
			return
		}
		name, rest, ok := strings.Cut(rest, `"`)
		if !ok {
			return
		}
		text = strings.TrimPrefix(rest, " ")
		if i := strings.LastIndexByte(key, ' '); i >= 0 { // behind others that are not quoted
			key = key[i+1:]
		}
		list := n.of(m.RecordType, key)
		if list == nil || name == "" || name == "unset" || strings.HasPrefix(name, "unknown(") {
			continue
		}
		if id, ok := number(m.RawData, strings.ToLower(key)); ok {
			list[id] = name
		}
	}
}

// of gives the names that a key is about, nil if it is about no user or group.
func (n *Names) of(t auparse.AuditMessageType, key string) map[uint32]string {
	switch {
	case strings.HasSuffix(key, "UID"):
		return n.users
	case strings.HasSuffix(key, "GID"):
		return n.groups
	case key == "ID":
		switch t {
		case auparse.AUDIT_ADD_GROUP, auparse.AUDIT_DEL_GROUP, auparse.AUDIT_GRP_MGMT, auparse.AUDIT_GRP_CHAUTHTOK:
			return n.groups
		}
		return n.users
	}
	return nil
}

// number is the value of the first field of that name.
func number(text, field string) (uint32, bool) {
	for {
		i := strings.Index(text, field+"=")
		if i < 0 {
			return 0, false
		}
		value := text[i+len(field)+1:]
		if i > 0 && (text[i-1] == ' ' || text[i-1] == '\'') {
			end := strings.IndexFunc(value, func(r rune) bool { return r < '0' || r > '9' })
			if end < 0 {
				end = len(value)
			}
			n, err := strconv.ParseUint(value[:end], 10, 32)
			return uint32(n), err == nil
		}
		text = value
	}
}

// Enrich implements [events.Enricher]. A name that an event has already stays.
func (n *Names) Enrich(e *events.Event) {
	if n == nil {
		return
	}
	if p := e.Process; p != nil {
		n.credentials(&p.Credentials)
	}
	if f := e.File; f != nil && f.Known {
		name(&f.Owner.Name, n.users, f.Owner.ID)
		name(&f.Group.Name, n.groups, f.Group.ID)
	}
	if a := e.Account; a != nil {
		for _, user := range [...]*events.Principal{&a.User, &a.Effective, &a.Target, &a.Login} {
			if user.HasID {
				name(&user.Name, n.users, user.ID)
			}
		}
		if a.Group.HasID {
			name(&a.Group.Name, n.groups, a.Group.ID)
		}
	}
}

func (n *Names) credentials(c *events.Credentials) {
	name(&c.Effective.Name, n.users, c.Effective.ID)
	name(&c.EffectiveGroup.Name, n.groups, c.EffectiveGroup.ID)
	if !c.Known {
		return
	}
	for _, user := range [...]*events.User{&c.Real, &c.Saved, &c.FS} {
		name(&user.Name, n.users, user.ID)
	}
	for _, group := range [...]*events.Group{&c.RealGroup, &c.SavedGroup, &c.FSGroup} {
		name(&group.Name, n.groups, group.ID)
	}
}

func name(to *string, names map[uint32]string, id uint32) {
	if *to == "" {
		*to = names[id]
	}
}
