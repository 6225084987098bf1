// SPDX-License-Identifier: Apache-2.0

package ecs

import "sensor/internal/events"

// sensor writes what ECS has no name for.
func (e *Encoder) sensor(ev *events.Event) {
	w := &e.w
	begin := len(w.b)
	w.open("sensor")
	if p := ev.Process; p != nil {
		e.sensorProcess(ev, p)
	}
	if a := ev.Account; a != nil {
		w.login(a)
	}
	if n := ev.Network; n != nil {
		w.namespace(n.Namespace)
	} else if l := ev.Local; l != nil {
		w.namespace(l.Namespace)
	}
	if f := ev.File; f != nil {
		w.sensorFile(f)
	}
	if l := ev.Loss; l != nil {
		w.open("loss")
		w.word("class", string(l.Kind.Traits().Class))
		w.word("kind", l.Kind.String())
		w.word("stage", l.Stage.String())
		if l.CPU >= 0 {
			w.integer("cpu", int64(l.CPU))
		}
		w.number("count", l.Count)
		w.close()
	}
	if s := ev.Serving; s != nil {
		w.serving(s)
	}
	if m := ev.Metrics; m != nil {
		w.metrics(m, ev.Time)
	}
	w.rawFields()
	w.closeOrDrop(begin)
}

// serving writes by whom each kind is served.
func (w *writer) serving(s *events.Serving) {
	begin := len(w.b)
	w.open("serving")
	for _, by := range s.By {
		w.key(by.Kind.String())
		w.b = append(append(w.b, '"'), by.Source...)
		if by.Variant != "" {
			w.b = append(append(w.b, '/'), by.Variant...)
		}
		w.b = append(w.b, '"')
	}
	w.closeOrDrop(begin)
	begin = len(w.b)
	w.key("not_served")
	w.b = append(w.b, '[')
	for _, kind := range s.Not {
		w.comma()
		w.quote(kind.String())
	}
	if w.b = append(w.b, ']'); len(s.Not) == 0 {
		w.b = w.b[:begin]
	}
}

// namespace writes a socket's network namespace, if it is known.
func (w *writer) namespace(inode uint32) {
	if inode == 0 {
		return
	}
	w.open("network")
	w.number("namespace", uint64(inode))
	w.close()
}

func (e *Encoder) sensorProcess(ev *events.Event, p *events.Process) {
	w := &e.w
	begin := len(w.b)
	w.open("exec")
	if a := ev.Attempt; a != nil {
		w.text("filename", "exec.filename", a.Filename)
		args(w, "exec.", a.Args)
		w.flag("args_cut", a.Args.Cut)
	} else if ev.Kind == events.KindExec {
		if p.Filename.Name != p.Executable.Name {
			w.text("filename", "exec.filename", p.Filename.Name)
		}
		w.flag("script", p.Script)
	}
	w.closeOrDrop(begin)
	if end := ev.End; end != nil && end.Signal() != 0 {
		w.open("exit")
		w.integer("signal", int64(end.Signal()))
		w.flag("core_dumped", end.CoreDumped())
		w.close()
	}
	marks(w, "executable", p.Executable)
	marks(w, "working_directory", p.WorkingDirectory)
	marks(w, "env_vars", events.Path{Cut: ev.Kind == events.KindExec && p.Env.Cut})
	marks(w, "supplemental_groups", events.Path{Cut: p.Credentials.GroupsCut})
	w.flag("redacted", p.Redacted || ev.Attempt != nil && ev.Attempt.Redacted)
	if c := &p.Credentials; c.Known && c.FS.ID != c.Effective.ID {
		w.user("fs_user", "", c.FS)
	}
	if c := &p.Credentials; c.Known && c.FSGroup.ID != c.EffectiveGroup.ID {
		w.group("fs_group", "", c.FSGroup)
	}
	if c := &p.Credentials; c.Known && c.LoginUID != events.Unset && ev.Account == nil {
		w.open("login")
		w.number("uid", uint64(c.LoginUID))
		if c.SessionID != events.Unset {
			w.number("session", uint64(c.SessionID))
		}
		w.close()
	}
	if p.Cgroup.ID != 0 || p.Cgroup.Path != "" {
		w.open("cgroup")
		if p.Cgroup.ID != 0 {
			w.id(p.Cgroup.ID)
		}
		w.text("path", "cgroup.path", p.Cgroup.Path)
		w.close()
	}
	begin = len(w.b)
	w.open("namespaces")
	for _, ns := range [...]struct {
		name  string
		inode uint32
	}{
		{"mnt", p.Namespaces.Mount}, {"pid", p.Namespaces.PID}, {"net", p.Namespaces.Net}, {"user", p.Namespaces.User},
		{"uts", p.Namespaces.UTS}, {"ipc", p.Namespaces.IPC}, {"cgroup", p.Namespaces.Cgroup}, {"time", p.Namespaces.Time},
	} {
		if ns.inode != 0 {
			w.number(ns.name, uint64(ns.inode))
		}
	}
	w.closeOrDrop(begin)
}

// marks says what is to be said about a path, or about a list that can only be cut.
func marks(w *writer, name string, p events.Path) {
	if !p.Cut && !p.Detached && !p.Deleted {
		return
	}
	w.open(name)
	w.flag("cut", p.Cut)
	w.flag("detached", p.Detached)
	w.flag("deleted", p.Deleted)
	w.close()
}
