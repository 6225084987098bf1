// SPDX-License-Identifier: Apache-2.0

// Package ecs writes events as Elastic Common Schema documents.
package ecs

import (
	"net/netip"
	"slices"

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

// DataStream is the name of the data stream that the kind's documents are for.
func (o Options) DataStream(kind events.Kind) string {
	return "logs-" + o.dataset(kind) + "-" + o.Namespace
}

func (o Options) dataset(kind events.Kind) string {
	return o.DatasetPrefix + "." + kind.Traits().Dataset
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
	scratch              writer // for fragments
	heads                [events.KindCount]head
	hostName             string
	effective, permitted capabilityList
}

// A head is what does not change from one document of a kind to the next: ecs,
// agent, data_stream and host, and the first members of event, which stays open.
type head struct {
	before, words, after []byte // words: in whose place an event may have its own
	raws                 []raw
}

// NewEncoder makes an encoder for the given host and agent.
func NewEncoder(o Options) *Encoder {
	e := &Encoder{hostName: o.Host.Name}
	for kind := range e.heads {
		e.heads[kind] = headOf(o, events.Kind(kind))
	}
	return e
}

func headOf(o Options, kind events.Kind) head {
	traits := kind.Traits()
	dataset := o.dataset(kind)
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
	w.word("dataset", dataset)
	w.word("namespace", o.Namespace)
	w.close()
	w.host(o.Host)
	w.open("event")
	switch kind {
	case events.KindEventsLost:
		w.word("kind", "pipeline_error")
	case events.KindServing:
		w.word("kind", "state")
	case events.KindMetrics:
		w.word("kind", "metric")
	default:
		w.word("kind", "event")
	}
	before := len(w.b)
	words(&w, "category", traits.Category)
	words(&w, "type", traits.Type)
	w.word("action", traits.Action)
	after := len(w.b)
	w.word("module", Module)
	w.word("dataset", dataset)
	return head{w.b[:before], w.b[before:after], w.b[after:], w.raws}
}

// host writes the host, whose names are whatever its owner has set.
func (w *writer) host(h Host) {
	begin := len(w.b)
	w.open("host")
	w.word("id", h.ID)
	w.text("name", "host.name", h.Name)
	w.text("hostname", "host.hostname", h.Hostname)
	w.word("architecture", h.Architecture)
	words(w, "ip", h.IP...)
	words(w, "mac", h.MAC...)
	os := len(w.b)
	w.open("os")
	w.word("type", h.OS.Type)
	w.text("family", "host.os.family", h.OS.Family)
	w.text("name", "host.os.name", h.OS.Name)
	w.text("platform", "host.os.platform", h.OS.Platform)
	w.text("version", "host.os.version", h.OS.Version)
	w.text("kernel", "host.os.kernel", h.OS.Kernel)
	w.text("full", "host.os.full", h.OS.Full)
	w.closeOrDrop(os)
	w.closeOrDrop(begin)
}

// words writes those of our own strings that are not empty as an array, if there are any.
func words(w *writer, name string, list ...string) {
	begin := len(w.b)
	w.key(name)
	w.b = append(w.b, '[')
	empty := len(w.b)
	for _, s := range list {
		if s != "" {
			w.comma()
			w.quote(s)
		}
	}
	if len(w.b) == empty {
		w.b = w.b[:begin]
		return
	}
	w.b = append(w.b, ']')
}

// Append appends the event as one line of JSON without the newline.
func (e *Encoder) Append(b []byte, ev *events.Event) []byte {
	head := &e.heads[0]
	if ev.Kind < events.KindCount {
		head = &e.heads[ev.Kind]
	}
	w := &e.w
	w.b, w.raws = append(b, '{'), append(w.raws[:0], head.raws...)
	w.time("@timestamp", ev.Time)
	w.comma()
	w.b = append(w.b, head.before...)
	if own := ev.Words; own != nil {
		words(w, "category", own.Category...)
		words(w, "type", own.Type...)
		w.word("action", own.Action)
	} else {
		w.b = append(w.b, head.words...)
	}
	w.b = append(w.b, head.after...)
	e.event(ev)
	if ev.Account != nil {
		w.account(ev.Account)
	} else if ev.Process != nil {
		e.user(ev.Process)
	}
	if ev.Process != nil {
		e.process(ev)
	}
	if ev.Network != nil {
		w.network(ev.Network)
	}
	if ev.Local != nil {
		w.local(ev.Local)
	}
	if ev.File != nil {
		w.file(ev.File)
	}
	if ev.Audit != nil {
		w.audit(ev.Audit)
	}
	e.related(ev)
	if a := ev.Attempt; a != nil {
		w.failure(a.Code, a.Message)
	} else if n := ev.Network; n != nil {
		w.failure(n.Code, n.Message)
	} else if l := ev.Local; l != nil {
		w.failure(l.Code, l.Message)
	} else if s := ev.Serving; s != nil {
		w.failure("", s.Cause)
	}
	e.sensor(ev)
	w.close()
	b, w.b = w.b, nil
	clear(w.raws) // the next document may be long in coming
	return b
}

// event writes what the head has left to be said, and closes event.
func (e *Encoder) event(ev *events.Event) {
	w := &e.w
	switch ev.Outcome {
	case events.OutcomeSuccess:
		w.word("outcome", "success")
	case events.OutcomeFailure:
		w.word("outcome", "failure")
	}
	w.key("id")
	w.b = append(w.b, '"')
	w.b = ev.ID.AppendText(w.b)
	w.b = append(w.b, '"')
	w.number("sequence", ev.Sequence)
	w.time("created", ev.Created)
	w.word("provider", ev.Provider)
	if l := ev.Loss; l != nil {
		words(w, "category", l.Kind.Traits().Category)
		w.time("start", l.First)
		w.time("end", l.Last)
	}
	if m := ev.Metrics; m != nil {
		w.time("start", m.Start)
	}
	if ev.Kind == events.KindClose && ev.Network != nil {
		w.span(ev.Network, ev.Time)
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
	if !w.principal(c.Effective) {
		w.raws = append(w.raws, raw{"user.name", c.Effective.Name})
	}
	w.user("effective", "user.", c.Effective)
	w.open("Ext")
	w.user("real", "user.Ext.", c.Real)
	w.close()
	w.close()
	w.open("group")
	if !w.principal(events.User(c.EffectiveGroup)) {
		w.raws = append(w.raws, raw{"group.name", c.EffectiveGroup.Name})
	}
	w.open("Ext")
	w.group("real", "group.Ext.", c.RealGroup)
	w.close()
	w.close()
}

// related gathers what else a search for an address, a user or a host is to find.
func (e *Encoder) related(ev *events.Event) {
	if ev.Process == nil && ev.Network == nil && ev.Local == nil && ev.File == nil && ev.Account == nil {
		return
	}
	w := &e.w
	begin := len(w.b)
	w.open("related")
	var domain string
	if n := ev.Network; n != nil {
		w.ips(n.Source.Addr, n.Destination.Addr)
	} else if a := ev.Account; a != nil {
		w.ips(a.Address, netip.Addr{})
		domain = a.Domain
	}
	var users [5]string
	if a := ev.Account; a != nil {
		users[0], users[1], users[2] = a.User.Name, a.Effective.Name, a.Target.Name
	}
	if p := ev.Process; p != nil && p.Credentials.Known {
		users[3], users[4] = p.Credentials.Effective.Name, p.Credentials.Real.Name
	}
	once(users[:])
	words(w, "user", users[:]...)
	hosts := [2]string{e.hostName, domain}
	once(hosts[:])
	words(w, "hosts", hosts[:]...)
	w.closeOrDrop(begin)
}

// once empties those strings of a short list that stand there before.
func once(list []string) {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			list[i] = ""
		}
	}
}

// failure writes the error, in the system's own words.
func (w *writer) failure(code, message string) {
	begin := len(w.b)
	w.open("error")
	w.word("code", code)
	w.word("message", message)
	w.closeOrDrop(begin)
}
