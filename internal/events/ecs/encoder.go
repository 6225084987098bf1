// SPDX-License-Identifier: Apache-2.0

// Package ecs writes events as Elastic Common Schema documents.
package ecs

import (
	"strconv"

	"sensor/internal/events"
)

// Version of the schema that the documents follow.
const Version = "9.4.0"

// Module is event.module and the first part of every data set's name, unless
// the configuration gives another prefix.
const Module = "sensor"

// Options are what every document says alike.
type Options struct {
	AgentID       string
	AgentVersion  string
	Namespace     string // data_stream.namespace
	DatasetPrefix string // data_stream.dataset up to the last dot
	Host          Host
}

// Host is the host section of every document.
type Host struct {
	ID, Name, Hostname, Architecture string
	IP, MAC                          []string
	OS                               OS
}

// OS is host.os.
type OS struct{ Type, Family, Name, Platform, Version, Kernel, Full string }

// Encoder writes documents. It is for one goroutine.
type Encoder struct {
	w                    writer
	datasets             map[string]dataset
	hostName             string
	effective, permitted capabilityList
}

// A dataset is what does not change from one document of a data set to the next.
type dataset struct {
	name   string
	static []byte // ecs, agent, data_stream and host, without the braces around
}

// NewEncoder makes an encoder for the given host and agent.
func NewEncoder(o Options) *Encoder {
	e := &Encoder{datasets: map[string]dataset{}, hostName: o.Host.Name}
	for _, kind := range events.Kinds() {
		name := kind.Traits().Dataset
		e.datasets[name] = dataset{name: o.DatasetPrefix + "." + name, static: static(o, name)}
	}
	return e
}

func static(o Options, name string) []byte {
	var w writer
	w.open("ecs")
	w.word("version", Version)
	w.close()
	w.open("agent")
	w.word("id", o.AgentID)
	w.word("type", Module)
	w.word("version", o.AgentVersion)
	w.close()
	w.open("data_stream")
	w.word("type", "logs")
	w.word("dataset", o.DatasetPrefix+"."+name)
	w.word("namespace", o.Namespace)
	w.close()
	h := o.Host
	w.open("host")
	w.word("id", h.ID)
	w.word("name", h.Name)
	w.word("hostname", h.Hostname)
	w.word("architecture", h.Architecture)
	words(&w, "ip", h.IP)
	words(&w, "mac", h.MAC)
	w.open("os")
	w.word("type", h.OS.Type)
	w.word("family", h.OS.Family)
	w.word("name", h.OS.Name)
	w.word("platform", h.OS.Platform)
	w.word("version", h.OS.Version)
	w.word("kernel", h.OS.Kernel)
	w.word("full", h.OS.Full)
	w.close()
	w.close()
	return w.b
}

func words(w *writer, name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.b = append(w.b, '[')
	for _, s := range list {
		w.comma()
		w.quote(s)
	}
	w.b = append(w.b, ']')
}

// Append appends the event as one line of JSON without the newline.
func (e *Encoder) Append(b []byte, ev *events.Event) []byte {
	traits := ev.Kind.Traits()
	w := &e.w
	w.b, w.raws = b, w.raws[:0]
	w.b = append(w.b, '{')
	w.time("@timestamp", ev.Time)
	set := e.datasets[traits.Dataset]
	w.b = append(w.b, ',')
	w.b = append(w.b, set.static...)
	e.event(ev, traits, set.name)
	if ev.Process != nil {
		e.user(ev.Process)
		e.process(ev)
		e.related(ev.Process)
	}
	if a := ev.Attempt; a != nil {
		w.open("error")
		w.word("code", a.Code)
		w.word("message", a.Message)
		w.close()
	}
	e.sensor(ev)
	w.close()
	b, w.b = w.b, nil
	return b
}

func (e *Encoder) event(ev *events.Event, traits events.Traits, dataset string) {
	w := &e.w
	w.open("event")
	if ev.Kind == events.KindEventsLost {
		w.word("kind", "pipeline_error")
	} else {
		w.word("kind", "event")
	}
	category := traits.Category
	if ev.Loss != nil {
		category = ev.Loss.Kind.Traits().Category
	}
	w.key("category")
	w.b = append(w.b, '[')
	w.quote(category)
	w.b = append(w.b, ']')
	w.key("type")
	w.b = append(w.b, '[')
	w.quote(traits.Type)
	w.b = append(w.b, ']')
	w.word("action", traits.Action)
	switch ev.Outcome {
	case events.OutcomeSuccess:
		w.word("outcome", "success")
	case events.OutcomeFailure:
		w.word("outcome", "failure")
	}
	w.word("module", Module)
	w.key("id")
	w.b = append(w.b, '"')
	w.b = ev.ID.AppendText(w.b)
	w.b = append(w.b, '"')
	w.number("sequence", ev.Sequence)
	w.time("created", ev.Created)
	w.word("dataset", dataset)
	w.word("provider", ev.Provider)
	if ev.Loss != nil {
		w.time("start", ev.Loss.First)
		w.time("end", ev.Loss.Last)
	}
	w.close()
}

func (e *Encoder) user(p *events.Process) {
	c := &p.Credentials
	if !c.Known {
		return
	}
	w := &e.w
	w.open("user")
	userFields(w, c.Effective)
	user(w, "effective", c.Effective)
	w.open("Ext")
	user(w, "real", c.Real)
	w.close()
	w.close()
	w.open("group")
	groupFields(w, c.EffectiveGroup)
	w.open("Ext")
	group(w, "real", c.RealGroup)
	w.close()
	w.close()
}

func (e *Encoder) related(p *events.Process) {
	w := &e.w
	w.open("related")
	if c := &p.Credentials; c.Known && (c.Effective.Name != "" || c.Real.Name != "") {
		w.key("user")
		w.b = append(w.b, '[')
		if c.Effective.Name != "" {
			w.quote(c.Effective.Name)
		}
		if c.Real.Name != "" && c.Real.Name != c.Effective.Name {
			w.comma()
			w.quote(c.Real.Name)
		}
		w.b = append(w.b, ']')
	}
	if e.hostName != "" {
		words(w, "hosts", []string{e.hostName})
	}
	w.close()
}

// sensor writes what ECS has no name for.
func (e *Encoder) sensor(ev *events.Event) {
	w := &e.w
	begin := len(w.b)
	w.open("sensor")
	if p := ev.Process; p != nil {
		e.sensorProcess(ev, p)
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
	w.rawFields()
	w.closeOrDrop(begin)
}

func (e *Encoder) sensorProcess(ev *events.Event, p *events.Process) {
	w := &e.w
	if a := ev.Attempt; a != nil {
		w.open("exec")
		w.text("filename", "exec.filename", a.Filename)
		args(w, "exec.", a.Args)
		w.flag("args_cut", a.Args.Cut)
		w.close()
	}
	if ev.Kind == events.KindExec {
		begin := len(w.b)
		w.open("exec")
		if p.Filename.Name != p.Executable.Name {
			w.text("filename", "exec.filename", p.Filename.Name)
		}
		w.flag("script", p.Script)
		w.closeOrDrop(begin)
	}
	if end := ev.End; end != nil && end.Signal() != 0 {
		w.open("exit")
		w.integer("signal", int64(end.Signal()))
		w.flag("core_dumped", end.CoreDumped())
		w.close()
	}
	pathMarks(w, "executable", p.Executable)
	pathMarks(w, "working_directory", p.WorkingDirectory)
	w.flag("redacted", p.Redacted)
	if c := &p.Credentials; c.Known && c.LoginUID != events.Unset {
		w.open("login")
		w.number("uid", uint64(c.LoginUID))
		if c.SessionID != events.Unset {
			w.number("session", uint64(c.SessionID))
		}
		w.close()
	}
	if p.Cgroup.ID != 0 || p.Cgroup.Path != "" {
		w.open("cgroup")
		w.word("id", strconv.FormatUint(p.Cgroup.ID, 10))
		w.text("path", "cgroup.path", p.Cgroup.Path)
		w.close()
	}
	begin := len(w.b)
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

// pathMarks says what is to be said about a path.
func pathMarks(w *writer, name string, p events.Path) {
	if !p.Cut && !p.Detached && !p.Deleted {
		return
	}
	w.open(name)
	w.flag("cut", p.Cut)
	w.flag("detached", p.Detached)
	w.flag("deleted", p.Deleted)
	w.close()
}
