// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"bytes"
	"strings"

	"sensor/internal/events"
)

// A fragment is the part of a process that stands alike in every place where a
// document shows it: as the process itself, as a parent, as a leader. It is
// written once and kept with the process.
type fragment struct {
	members     []byte // without the braces around
	commandLine []byte // the quoted command line
	raws        []raw  // fields below the process
}

func (e *Encoder) fragment(p *events.Process) *fragment {
	if f, ok := p.Fragment().(*fragment); ok && f.members != nil {
		return f
	}
	w := &e.scratch
	w.b, w.raws = w.b[:0], nil
	w.number("pid", uint64(p.PID))
	w.word("entity_id", p.EntityID)
	w.text("name", "name", p.Name)
	w.text("executable", "executable", p.Executable.Name)
	args(w, "", p.Args)
	if p.Credentials.Known {
		w.boolean("interactive", p.Interactive())
	}
	w.time("start", p.Start)
	w.text("working_directory", "working_directory", p.WorkingDirectory.Name)
	if c := &p.Credentials; c.Known {
		w.user("user", "", c.Effective)
		w.group("group", "", c.EffectiveGroup)
		w.user("real_user", "", c.Real)
		w.group("real_group", "", c.RealGroup)
	}
	if p.TTY.Known {
		w.open("tty")
		w.open("char_device")
		w.number("major", uint64(p.TTY.Major))
		w.number("minor", uint64(p.TTY.Minor))
		w.close()
		w.close()
	}
	members := len(w.b)
	commandLine(w, p.Args)
	b := bytes.Clone(w.b)
	f := &fragment{members: b[:members], commandLine: b[members:], raws: w.raws}
	if len(b) <= maxKept(p) {
		p.SetFragment(f)
	} else {
		p.SetFragment(&fragment{}) // only the mark that the process was written
	}
	return f
}

// maxKept is how long a fragment may be to be kept. Ordinary text fits. Escapes
// make a text up to six times as long, which is more than the process table
// counts with: that one is written anew each time.
func maxKept(p *events.Process) int { return p.Size() + 3*len(p.Args.Packed) }

// args writes the vector and how many there were, each if it is known.
func args(w *writer, prefix string, a events.Args) {
	packed(w, prefix, "args", a)
	if n := a.Len(); n > 0 {
		w.number("args_count", uint64(n))
	}
}

// commandLine writes the arguments as one quoted string, with a space between each two.
func commandLine(w *writer, a events.Args) {
	begin := len(w.b)
	for arg := range a.All() {
		n := len(w.b)
		if n == begin {
			w.quote(arg)
			continue
		}
		w.b = w.b[:n-1] // the quote that closes, in whose place comes the one that opens
		w.quote(arg)
		w.b[n-1] = ' '
	}
}

// put writes the fragment into the open object at the path prefix.
func (f *fragment) put(w *writer, prefix string) {
	w.comma()
	w.b = append(w.b, f.members...)
	for _, r := range f.raws {
		w.raws = append(w.raws, raw{prefix + r.field, r.bytes})
	}
}

func (f *fragment) putCommandLine(w *writer, name string) {
	if len(f.commandLine) > 0 {
		w.key(name)
		w.b = append(w.b, f.commandLine...)
	}
}

func (e *Encoder) process(ev *events.Event) {
	w := &e.w
	p := ev.Process
	f := e.fragment(p)
	w.open("process")
	f.put(w, "process.")
	f.putCommandLine(w, "command_line")
	if p.VPID != 0 {
		w.number("vpid", uint64(p.VPID))
	}
	c := &p.Credentials
	if c.Known {
		w.user("saved_user", "process.", c.Saved)
		w.group("saved_group", "process.", c.SavedGroup)
		supplementalGroups(w, c.Groups)
	}
	begin := len(w.b)
	w.open("thread")
	if p.TID != 0 {
		w.number("id", uint64(p.TID))
	}
	w.text("name", "process.thread.name", p.ThreadName)
	if c.Known && c.CapEffective|c.CapPermitted != 0 {
		w.open("capabilities")
		e.effective.put(w, "effective", c.CapEffective)
		e.permitted.put(w, "permitted", c.CapPermitted)
		w.close()
	}
	w.closeOrDrop(begin)
	e.relatives(ev)
	if ev.Kind == events.KindExec {
		packed(w, "process.", "env_vars", p.Env)
		f.putCommandLine(w, "title")
	}
	if end := ev.End; end != nil {
		w.time("end", ev.Time)
		w.integer("exit_code", int64(end.ExitCode()))
	}
	if p.Args.Cut {
		w.open("Ext")
		w.boolean("command_line_truncated", true)
		w.close()
	}
	w.close()
}

// packed writes the strings of a vector as a list. prefix and name are its path for sensor.raw.
func packed(w *writer, prefix, name string, vector events.Args) {
	if vector.Packed == "" {
		return
	}
	w.key(name)
	w.b = append(w.b, '[')
	exact := true
	for s := range vector.All() {
		w.comma()
		exact = w.quote(s) && exact
	}
	w.b = append(w.b, ']')
	if !exact {
		w.raws = append(w.raws, raw{prefix + name, vector.Packed})
	}
}

func supplementalGroups(w *writer, groups []events.Group) {
	if len(groups) == 0 {
		return
	}
	w.key("supplemental_groups")
	w.b = append(w.b, '[')
	exact := true
	for _, g := range groups {
		w.comma()
		w.b = append(w.b, '{')
		exact = w.principal(events.User(g)) && exact
		w.close()
	}
	w.b = append(w.b, ']')
	if !exact {
		var packed strings.Builder
		for _, g := range groups {
			packed.WriteString(g.Name)
			packed.WriteByte(0)
		}
		w.raws = append(w.raws, raw{"process.supplemental_groups.name", packed.String()})
	}
}

// relatives writes the parent, the leaders and the image before.
func (e *Encoder) relatives(ev *events.Event) {
	w := &e.w
	family := &ev.Family
	if parent := family.Parent; parent != nil {
		w.open("parent")
		f := e.fragment(parent)
		f.put(w, "process.parent.")
		f.putCommandLine(w, "command_line")
		w.close()
	}
	if leader := family.EntryLeader; leader != nil {
		w.open("entry_leader")
		e.fragment(leader).put(w, "process.entry_leader.")
		w.boolean("same_as_process", same(leader, ev.Process))
		entry(w, leader.EntryMeta, family.EntryParent)
		w.close()
	}
	if leader := family.SessionLeader; leader != nil {
		w.open("session_leader")
		e.fragment(leader).put(w, "process.session_leader.")
		w.boolean("same_as_process", same(leader, ev.Process))
		w.close()
	}
	if leader := family.GroupLeader; leader != nil {
		w.open("group_leader")
		e.fragment(leader).put(w, "process.group_leader.")
		w.boolean("same_as_process", same(leader, ev.Process))
		w.close()
	}
	if previous := family.Previous; previous != nil && previous.Executable.Name != "" {
		w.key("previous")
		w.b = append(w.b, '[', '{')
		args(w, "process.previous.", previous.Args)
		w.text("executable", "process.previous.executable", previous.Executable.Name)
		w.b = append(w.b, '}', ']')
	}
}

func same(a, b *events.Process) bool { return a.PID == b.PID && a.StartKey == b.StartKey }

// entry says how the session was entered, and through whom.
func entry(w *writer, meta events.EntryMeta, parent *events.Process) {
	begin := len(w.b)
	w.open("entry_meta")
	w.word("type", meta.Type)
	if meta.SourceIP != "" {
		w.open("source")
		w.word("ip", meta.SourceIP)
		w.close()
	}
	w.closeOrDrop(begin)
	if parent != nil {
		w.open("parent")
		w.word("entity_id", parent.EntityID)
		w.number("pid", uint64(parent.PID))
		w.time("start", parent.Start)
		w.close()
	}
}
