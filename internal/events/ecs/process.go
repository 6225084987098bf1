// SPDX-License-Identifier: Apache-2.0

package ecs

import (
	"strconv"
	"strings"

	"sensor/internal/events"
)

// A fragment is the part of a process that stands alike in every place where a
// document shows it: as the process itself, as a parent, as a leader. It is
// written once and kept with the process.
type fragment struct {
	b           []byte // members without the braces around
	commandLine []byte // the quoted command line
	raws        []raw  // fields below the process
}

func fragmentOf(p *events.Process) *fragment {
	if f, ok := p.Fragment().(*fragment); ok {
		return f
	}
	w := writer{b: make([]byte, 0, 512+2*len(p.Args.Packed))}
	w.number("pid", uint64(p.PID))
	w.word("entity_id", p.EntityID)
	w.text("name", "name", p.Name)
	w.text("executable", "executable", p.Executable.Name)
	args(&w, "", p.Args)
	if p.Credentials.Known {
		w.boolean("interactive", p.Interactive())
	}
	w.time("start", p.Start)
	w.text("working_directory", "working_directory", p.WorkingDirectory.Name)
	if c := &p.Credentials; c.Known {
		user(&w, "user", c.Effective)
		group(&w, "group", c.EffectiveGroup)
		user(&w, "real_user", c.Real)
		group(&w, "real_group", c.RealGroup)
	}
	if p.TTY.Known {
		w.open("tty")
		w.open("char_device")
		w.number("major", uint64(p.TTY.Major))
		w.number("minor", uint64(p.TTY.Minor))
		w.close()
		w.close()
	}
	f := &fragment{b: w.b, raws: w.raws}
	if p.Args.Packed != "" {
		w.b = nil
		w.quote(commandLine(p.Args))
		f.commandLine = w.b
	}
	p.SetFragment(f)
	return f
}

// args writes the vector and how many there were. An empty vector of a known
// process says so; nobody knows a kernel thread's.
func args(w *writer, prefix string, a events.Args) {
	if a.Packed == "" {
		return
	}
	w.key("args")
	w.b = append(w.b, '[')
	exact := true
	for arg := range a.All() {
		w.comma()
		exact = w.quote(arg) && exact
	}
	w.b = append(w.b, ']')
	if !exact {
		w.raws = append(w.raws, raw{prefix + "args", a.Packed})
	}
	w.number("args_count", uint64(a.Len()))
}

func commandLine(a events.Args) string {
	return strings.ReplaceAll(strings.TrimSuffix(a.Packed, "\x00"), "\x00", " ")
}

// put writes the fragment into the open object at the path prefix.
func (f *fragment) put(w *writer, prefix string) {
	w.comma()
	w.b = append(w.b, f.b...)
	for _, r := range f.raws {
		w.raws = append(w.raws, raw{prefix + r.field, r.bytes})
	}
}

func (f *fragment) putCommandLine(w *writer) {
	if len(f.commandLine) > 0 {
		w.key("command_line")
		w.b = append(w.b, f.commandLine...)
	}
}

func (e *Encoder) process(ev *events.Event) {
	w := &e.w
	p := ev.Process
	f := fragmentOf(p)
	w.open("process")
	f.put(w, "process.")
	f.putCommandLine(w)
	if p.VPID != 0 {
		w.number("vpid", uint64(p.VPID))
	}
	c := &p.Credentials
	if c.Known {
		user(w, "saved_user", c.Saved)
		group(w, "saved_group", c.SavedGroup)
		if len(c.Groups) > 0 {
			w.key("supplemental_groups")
			w.b = append(w.b, '[')
			for _, g := range c.Groups {
				w.comma()
				w.b = append(w.b, '{')
				groupFields(w, g)
				w.close()
			}
			w.b = append(w.b, ']')
		}
	}
	w.open("thread")
	w.number("id", uint64(p.TID))
	w.text("name", "process.thread.name", p.ThreadName)
	if c.Known && c.CapPermitted|c.CapEffective != 0 {
		w.open("capabilities")
		e.effective.put(w, "effective", c.CapEffective)
		e.permitted.put(w, "permitted", c.CapPermitted)
		w.close()
	}
	w.close()
	e.relatives(ev)
	if p.Env.Packed != "" {
		w.key("env_vars")
		w.b = append(w.b, '[')
		exact := true
		for v := range p.Env.All() {
			w.comma()
			exact = w.quote(v) && exact
		}
		w.b = append(w.b, ']')
		if !exact {
			w.raws = append(w.raws, raw{"process.env_vars", p.Env.Packed})
		}
	}
	if len(f.commandLine) > 0 {
		w.key("title")
		w.b = append(w.b, f.commandLine...)
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

// relatives writes the parent, the leaders and the image before.
func (e *Encoder) relatives(ev *events.Event) {
	w := &e.w
	family := &ev.Family
	if parent := family.Parent; parent != nil {
		w.open("parent")
		f := fragmentOf(parent)
		f.put(w, "process.parent.")
		f.putCommandLine(w)
		w.close()
	}
	for _, leader := range [...]struct {
		name    string
		process *events.Process
	}{
		{"entry_leader", family.EntryLeader},
		{"session_leader", family.SessionLeader},
		{"group_leader", family.GroupLeader},
	} {
		p := leader.process
		if p == nil {
			continue
		}
		w.open(leader.name)
		fragmentOf(p).put(w, "process."+leader.name+".")
		w.boolean("same_as_process", p.PID == ev.Process.PID && p.StartKey == ev.Process.StartKey)
		if leader.name == "entry_leader" {
			w.open("entry_meta")
			w.word("type", p.EntryMeta.Type)
			if p.EntryMeta.SourceIP != "" {
				w.open("source")
				w.word("ip", p.EntryMeta.SourceIP)
				w.close()
			}
			w.close()
			if parent := family.EntryParent; parent != nil {
				w.open("parent")
				w.word("entity_id", parent.EntityID)
				w.number("pid", uint64(parent.PID))
				w.time("start", parent.Start)
				w.close()
			}
		}
		w.close()
	}
	if previous := family.Previous; previous != nil && previous.Executable.Name != "" {
		w.key("previous")
		w.b = append(w.b, '[', '{')
		var image writer
		image.b = w.b
		args(&image, "", previous.Args)
		image.text("executable", "executable", previous.Executable.Name)
		w.b = append(image.b, '}', ']')
		for _, r := range image.raws {
			w.raws = append(w.raws, raw{"process.previous." + r.field, r.bytes})
		}
	}
}

func user(w *writer, name string, u events.User) {
	w.open(name)
	userFields(w, u)
	w.close()
}

func userFields(w *writer, u events.User) {
	id(w, u.ID)
	w.word("name", u.Name)
}

func group(w *writer, name string, g events.Group) {
	w.open(name)
	groupFields(w, g)
	w.close()
}

func groupFields(w *writer, g events.Group) {
	id(w, g.ID)
	w.word("name", g.Name)
}

func id(w *writer, id uint32) {
	w.key("id")
	w.b = append(w.b, '"')
	w.b = strconv.AppendUint(w.b, uint64(id), 10)
	w.b = append(w.b, '"')
}
