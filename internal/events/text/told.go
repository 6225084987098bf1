// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strconv"

	"sensor/internal/events"
)

// appendTold appends who acted, what was done to whose account, from where, and
// what came of it.
func appendTold(b []byte, e *events.Event) []byte {
	pid, user, name := "-", "-", "-"
	if p := e.Process; p != nil {
		pid, user = strconv.FormatUint(uint64(p.PID), 10), userName(p)
		name = string(quote(nil, p.Name))
	}
	a := e.Account
	if a != nil {
		user = principal(a.User)
	}
	b = pad(b, pid, 8)
	b = pad(b, user, 9)
	b = append(b, ' ')
	b = append(b, name...)
	if action := e.Words.Action; action != "" {
		b = quote(append(b, ' '), action)
	}
	if a != nil {
		for _, p := range [...]events.Principal{a.Effective, a.Target, a.Group} {
			if p.HasID || p.Name != "" {
				b = quote(append(b, ' '), principal(p))
			}
		}
		if a.Address.IsValid() {
			b = a.Address.WithZone("").AppendTo(append(b, " from "...))
		} else if a.Domain != "" {
			b = quote(append(b, " from "...), a.Domain)
		}
	}
	return appendOutcome(b, e.Outcome, "")
}

// principal is the name, or the id, or "-".
func principal(p events.Principal) string {
	switch {
	case p.Name != "":
		return p.Name
	case p.HasID:
		return strconv.FormatUint(uint64(p.ID), 10)
	}
	return "-"
}
