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
