// SPDX-License-Identifier: Apache-2.0

package process

import "sensor/internal/events"

// attribute completes an event whose source knows only who acted, by what the
// table knows of the actor: the image that did it, or where that is gone no
// image. Nothing of it goes into the table: it may be told long after it was.
func (t *Table) attribute(e *events.Event) {
	p := e.Process
	known := t.sameLife(e, t.find(p.PID, p.StartKey))
	if known == nil {
		t.stats.Unknown++
		p.EntityID = t.entityID(p.PID, p.StartKey)
		if parent := t.find(p.ParentPID, p.ParentStartKey); parent != nil {
			e.Family.Parent = parent.process
		} else if p.ParentPID != 0 {
			e.Family.Parent = t.stranger(p)
		}
		return
	}
	t.learnStart(known, p)
	image := known.process
	switch {
	case p.Claimed:
		e.Process = image
	case !sameImage(p, image):
		complete(p, image)
	case p.TID != image.TID || p.Credentials.Effective.ID != image.Credentials.Effective.ID ||
		p.Credentials.EffectiveGroup.ID != image.Credentials.EffectiveGroup.ID:
		complete(p, image)
		t.inherit(p, known)
	default:
		e.Process = image
	}
	t.show(known, e) // relate would write to an image that is shared, and the dead have no group any more
}

// complete gives p what does not depend on the image that it runs, unless its source knew it.
func complete(p, from *events.Process) {
	p.VPID, p.Start, p.StartKey, p.EntityID = from.VPID, from.Start, from.StartKey, from.EntityID
	p.Namespaces, p.Cgroup = from.Namespaces, from.Cgroup
	if p.WorkingDirectory.Name == "" {
		p.WorkingDirectory = from.WorkingDirectory
	}
	p.KernelThread, p.NoMemory = from.KernelThread, from.NoMemory
	descend(p, from)
	p.EntryMeta = from.EntryMeta
	if p.Credentials.Known {
		return
	}
	p.TTY = from.TTY
	user, group := p.Credentials.Effective, p.Credentials.EffectiveGroup
	p.Credentials = from.Credentials
	if user.ID != from.Credentials.Effective.ID {
		p.Credentials.Effective = user
	}
	if group.ID != from.Credentials.EffectiveGroup.ID {
		p.Credentials.EffectiveGroup = group
	}
}

// descend gives p the ancestors and leaders of another description of the same process.
func descend(p, from *events.Process) {
	p.ParentPID, p.ParentStartKey = from.ParentPID, from.ParentStartKey
	p.CreatorPID, p.CreatorStartKey = from.CreatorPID, from.CreatorStartKey
	p.GroupLeaderPID, p.SessionPID = from.GroupLeaderPID, from.SessionPID
}
