// SPDX-License-Identifier: Apache-2.0

package privacy

import "sensor/internal/events"

// Enrich implements [events.Enricher]: it masks what a fresh event's process was
// started with. Every later copy (a parent's, a leader's, a child's) is made
// from that.
func (r *Redactor) Enrich(e *events.Event) {
	if a := e.Attempt; a != nil {
		if args, changed := r.Args(a.Args.Packed); changed {
			a.Args.Packed, a.Redacted = args, true
		}
	}
	if e.Audit != nil {
		r.audit(e.Audit)
	}
	p := e.Process
	if p == nil {
		return
	}
	args, changed := r.Args(p.Args.Packed)
	env, envChanged := r.Env(p.Env.Packed)
	if changed || envChanged {
		p.Args.Packed, p.Env.Packed, p.Redacted = args, env, true
	}
}

// audit masks in what a program has told the audit system: the command line that
// sudo ran, and the keys that somebody has pressed, which may be a password.
func (r *Redactor) audit(a *events.Audit) {
	for i := range a.Data {
		field := &a.Data[i]
		switch {
		case field.Name == "cmd":
			field.Value, _ = r.Command(field.Value)
		case field.Name == "data" && (a.Type == "tty" || a.Type == "user_tty"):
			field.Value = mask
		}
	}
}
