// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"sensor/internal/events"
)

// A Rule names a difference between two sources that is right on both sides:
// an event that one tells and the other has reason not to. docs/compare.md
// lists them all.
type Rule struct {
	Name   string
	Teller string        // the source that tells the event; "" for either
	Silent string        // the source that does not; "" for any other
	Kinds  []events.Kind // empty for all
	Reason string

	holds func(c *Comparison, side Side, p *pending) bool
}

// A FieldRule likewise names a difference in a field of two events that are one.
type FieldRule struct {
	Name   string
	Source string        // whose value is the odd one
	Fields []string      // names; * stands for any beginning or end
	Kinds  []events.Kind // empty for all
	Reason string

	holds func(c *Comparison, theirs, other said) bool
}

// Uncompared are fields that say nothing of the event.
type Uncompared struct {
	Fields []string
	Reason string
}

// Rules lists the rules for events, in the order in which they are tried.
func Rules() []Rule { return slices.Clone(eventRules) }

// FieldRules lists the rules for fields likewise.
func FieldRules() []FieldRule { return slices.Clone(fieldRules) }

// UncomparedFields lists what is not compared.
func UncomparedFields() []Uncompared { return slices.Clone(uncompared) }

var uncompared = []Uncompared{
	{[]string{"agent.*", "ecs.*", "host.*", "data_stream.*"}, "every document of a sensor says the same there"},
	{[]string{"event.id", "event.sequence", "event.created", "event.provider", "event.module", "event.dataset"}, "about the document, not about what happened"},
	{[]string{"related.*"}, "copies of other fields, for searches"},
	{[]string{"sensor.raw.*"}, "copies of other fields, byte by byte"},
	{[]string{"auditd.*"}, "the audit record itself"},
}

const (
	ebpf  = "ebpf"
	audit = "audit"
)

var eventRules = []Rule{
	{
		Name:   "not_told",
		Reason: "the other source does not tell this kind at all",
		holds: func(c *Comparison, side Side, p *pending) bool {
			kinds := c.options.Sides[side.other()].Kinds
			return kinds != nil && !slices.Contains(kinds, p.doc.kind)
		},
	},
	{
		Name:   "snapshot",
		Kinds:  []events.Kind{events.KindAlreadyRunning},
		Reason: "each looks at a moment of its own at what runs already: a process may have ended or begun in between",
		holds:  always,
	},
	{
		Name: "killed", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindExit},
		Reason: "a process that a signal ends makes no system call that could be audited",
		holds:  has(fieldSignal),
	},
	{
		Name: "kernel_helper", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindExec, events.KindExit},
		Reason: "the kernel runs its helpers without a system call",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			return string(p.doc.get(c.names, fieldParent)) == "2" // kthreadd
		},
	},
	{
		Name: "io_uring", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "a worker of io_uring has written; audit has rules for what opens files alone",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			return worker(p.doc.get(c.names, fieldThreadName))
		},
	},
	{
		Name: "datagram", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindConnect},
		Reason: "a datagram sent without connect is told once for each peer; audit has a rule for connect alone",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			transport := text(p.doc.get(c.names, fieldTransport))
			return transport != "" && transport != "tcp"
		},
	},
	{
		Name: "connect_again", Teller: audit, Silent: ebpf, Kinds: []events.Kind{events.KindConnect},
		Reason: "audit tells each call; of this process it has told one to the same peer before that did not wait for the outcome, which the next call asks for",
		holds:  func(_ *Comparison, _ Side, p *pending) bool { return p.again },
	},
	{
		Name: "peer_not_asked", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindAccept, events.KindUnixAccept, events.KindVsockAccept},
		Reason: "audit knows of an accept what the program asked for; this process has never asked who the peer is, and then not even the family is known",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return !c.sides[side.other()].accepted.has(c.processKey(p.doc))
		},
	},
	{
		Name: "failed_listen", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindListen},
		Reason: "audit has a rule for the calls that succeed",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			return text(p.doc.get(c.names, fieldOutcome)) == "failure"
		},
	},
	{
		Name: "listen_again", Teller: audit, Silent: ebpf, Kinds: []events.Kind{events.KindListen},
		Reason: "audit tells each listen(2) of any socket, without its address; eBPF tells when a socket of TCP begins to listen",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			return p.doc.get(c.names, fieldSourceIP) == nil
		},
	},
	{
		Name: "write_summary", Teller: ebpf, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "a summary counts the writes after the first; who tells opens for writing has none",
		holds:  has(fieldSummary),
	},
	{
		Name: "written_later", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit has told that the process opened the file for writing, at another time than that of the first write",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return c.sides[side.other()].told.has(p.exact)
		},
	},
	{
		Name: "created", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit has told the open as the creation of the file; what was written then is in no record",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return c.sides[side.other()].made.has(p.exact)
		},
	},
	{
		Name: "passed_descriptor", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit has told that another process opened or made the file, which has handed it on",
		holds: func(c *Comparison, side Side, p *pending) bool {
			other := &c.sides[side.other()]
			place := c.placeKey(p.doc)
			return other.told.has(place) || other.made.has(place)
		},
	},
	{
		Name: "opened_before", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "a process had the file open for writing when the comparison began; audit tells opens",
		holds: func(c *Comparison, _ Side, p *pending) bool {
			return c.opened[c.placeKey(p.doc)]
		},
	},
	{
		Name: "opened_again", Teller: audit, Silent: ebpf, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit tells each open for writing; eBPF has told that the process wrote the file, once for all its descriptors",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return c.sides[side.other()].told.has(p.exact)
		},
	},
	{
		Name: "opened_only", Teller: audit, Silent: ebpf, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit tells an open for writing, whether anything is written or not",
		holds:  always,
	},
	{
		Name: "untraced_process", Teller: ebpf, Silent: audit,
		Reason: "the kernel audits only processes that were created after auditing was first enabled; of this one audit has told nothing",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return c.untraced(side.other(), p.doc) && !c.sides[side.other()].acted.has(c.processKey(p.doc))
		},
	},
	{
		Name: "untraced_opener", Teller: ebpf, Silent: audit, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "likewise of the process that has made or written the file before, and has handed it on",
		holds: func(c *Comparison, side Side, p *pending) bool {
			return !c.sides[side.other()].sees && c.sides[side].untraced.has(c.placeKey(p.doc))
		},
	},
}

// untraced reports whether a side cannot know what the process does, because of when that began.
func (c *Comparison) untraced(silent Side, d *document) bool {
	blind := c.options.Sides[silent].BlindBefore
	if blind.IsZero() || c.sides[silent].sees {
		return false
	}
	began, err := parseTime(d.get(c.names, fieldProcessStart))
	return err == nil && began < blind.UnixNano()
}

var fieldRules = []FieldRule{
	{
		Name: "call_time", Source: audit, Fields: []string{"@timestamp", "process.end"},
		Reason: "audit's time is that at which the system call began, by the clock of the timer tick (1 to 10 ms) and cut to 1 ms; a call may wait",
		holds: func(c *Comparison, theirs, other said) bool {
			early, late, ok := timesOf(theirs, other)
			if !ok || early > late+int64(coarse) {
				return false
			}
			// When it was read the call was over, but not what goes on without the caller.
			goesOn := theirs.doc.kind == events.KindConnect && c.inProgress(theirs.doc)
			if read := theirs.doc.created; read > 0 && !goesOn {
				return late <= read+int64(coarse)
			}
			return late-early <= int64(waits(theirs.doc.kind))
		},
	},
	{
		Name: "accept_unseen", Source: ebpf, Fields: []string{"@timestamp"}, Kinds: []events.Kind{events.KindAccept},
		Reason: "without trampolines the kernel may skip the program that sees an accept; eBPF tells it when the socket is closed, with the time at which the connection was made",
		holds: func(_ *Comparison, theirs, other said) bool {
			made, call, ok := timesOf(theirs, other)
			return ok && made <= call && call <= theirs.doc.created+int64(coarse)
		},
	},
	{
		Name: "start_tick", Source: audit, Fields: []string{"*.start"},
		Reason: "/proc has the start of a process in ticks of 10 ms, rounded down",
		holds: func(_ *Comparison, theirs, other said) bool {
			early, late, ok := timesOf(theirs, other)
			return ok && max(late-early, early-late) <= 2*events.StartTick
		},
	},
	{
		Name: "start_unknown", Source: audit, Fields: []string{"*.start", "*.entity_id"},
		Reason: "audit does not say when a process began; once it is gone nobody can be asked",
		holds: func(_ *Comparison, theirs, other said) bool {
			return theirs.value == nil && other.value != nil
		},
	},
	{
		Name: "unknown_entry", Source: audit, Fields: []string{"process.entry_leader.*"},
		Reason: "audit tells no fork: of ancestors that were never seen the table knows nothing, and says of the entry that it is unknown",
		holds: func(c *Comparison, theirs, _ said) bool {
			return text(theirs.doc.get(c.names, fieldEntryType)) == "unknown"
		},
	},
	{
		Name: "in_progress", Source: audit, Fields: []string{"event.outcome", "error.code", "error.message"}, Kinds: []events.Kind{events.KindConnect},
		Reason: "a socket that does not wait gives EINPROGRESS to the call; the outcome comes later, and audit is not told",
		holds: func(c *Comparison, theirs, _ said) bool {
			return c.inProgress(theirs.doc)
		},
	},
	{
		Name: "name_as_given", Source: audit, Fields: []string{"file.path", "file.directory", "file.name", "file.extension", "file.Ext.original.path", "sensor.file.cut", "sensor.file.original.cut"},
		Reason: "both name the same inode; audit has the name that the call was given: links and .. on the way are in it, and what it is relative to may not be",
		holds: func(c *Comparison, theirs, other said) bool {
			return c.same(theirs.doc, other.doc, fieldInode) && c.same(theirs.doc, other.doc, fieldDevice)
		},
	},
	{
		Name: "arguments_cut", Source: ebpf, Fields: []string{"process.args", "process.command_line", "process.title", "process.Ext.command_line_truncated"},
		Reason: "eBPF keeps 64 KiB of the arguments of a process, audit what its records hold",
		holds: func(c *Comparison, theirs, other said) bool {
			return string(theirs.doc.get(c.names, fieldTruncated)) == "true" || string(other.doc.get(c.names, fieldTruncated)) == "true"
		},
	},
	{
		Name: "other_image", Source: audit, Kinds: []events.Kind{events.KindFileWrite},
		Fields: []string{"process.executable", "process.name", "process.args", "process.args_count", "process.command_line", "process.thread.name"},
		Reason: "audit tells the open, eBPF the first write; in between the process has executed another program",
		holds: func(c *Comparison, theirs, other said) bool {
			return c.conflict(theirs.doc, other.doc, fieldExecutable)
		},
	},
	{
		Name: "worker_name", Source: audit, Fields: []string{"process.thread.name"},
		Reason: "a worker of io_uring does what another thread has asked for; eBPF names the one, audit the other",
		holds: func(_ *Comparison, _, other said) bool {
			return worker(other.value)
		},
	},
	{
		Name: "attributes_then", Source: audit, Fields: []string{"file.mode", "file.uid", "file.gid", "file.owner", "file.group"}, Kinds: []events.Kind{events.KindFileWrite},
		Reason: "audit tells the open, eBPF the first write; in between the file's attributes may have been set",
		holds:  bothHave,
	},
	{
		Name: "directory_then", Source: audit, Fields: []string{"process.working_directory"},
		Reason: "audit has the directory of the call itself; eBPF that of the process's last exec, fork or end",
		holds: func(_ *Comparison, theirs, other said) bool {
			return bothHave(nil, theirs, other) && theirs.doc.kind != events.KindExec && theirs.doc.kind != events.KindExecFailed
		},
	},
	{
		Name: "relative_directory", Source: audit, Fields: []string{"process.parent.working_directory", "*_leader.working_directory"},
		Reason: "each source has of another process the directory that it was last seen in: audit by calls, eBPF by execs and forks",
		holds:  bothHave,
	},
}

// coarse is how much later than the event audit's time may be, by the clock of the tick and by that of the wall.
const coarse = 20 * time.Millisecond

// inProgress reports whether the outcome of an attempt is not known yet.
func (c *Comparison) inProgress(d *document) bool {
	code := text(d.get(c.names, fieldErrorCode))
	return code == "EINPROGRESS" || code == "" && d.get(c.names, fieldOutcome) == nil
}

// worker is whether a thread is one of io_uring, which the kernel has named.
func worker(name []byte) bool {
	return strings.HasPrefix(text(name), "iou-wrk-") || strings.HasPrefix(text(name), "iou-sqp-")
}

// same reports whether both have the field, with the same value.
func (c *Comparison) same(a, b *document, id fieldID) bool {
	x, y := a.get(c.names, id), b.get(c.names, id)
	return x != nil && bytes.Equal(x, y)
}

func always(*Comparison, Side, *pending) bool { return true }

// has is a rule that holds where the field is.
func has(id fieldID) func(*Comparison, Side, *pending) bool {
	return func(c *Comparison, _ Side, p *pending) bool {
		value := p.doc.get(c.names, id)
		return value != nil && !bytes.Equal(value, []byte("false"))
	}
}

// bothHave is a rule for values that both sides have.
func bothHave(_ *Comparison, theirs, other said) bool {
	return theirs.value != nil && other.value != nil
}

func timesOf(a, b said) (x, y int64, ok bool) {
	x, err := parseTime(a.value)
	y, err2 := parseTime(b.value)
	return x, y, err == nil && err2 == nil
}

// waits is how long a call of the kind may take, where it is not known when it was told.
func waits(kind events.Kind) time.Duration {
	switch kind {
	case events.KindAccept:
		return time.Hour
	case events.KindConnect:
		return attempt
	}
	return time.Second
}

// ruleFor is the index of the first rule that explains why only one side has told an event; -1 if none does.
func (c *Comparison) ruleFor(side Side, p *pending) int {
	teller, silent := c.options.Sides[side].Source, c.options.Sides[side.other()].Source
	return slices.IndexFunc(eventRules, func(r Rule) bool {
		return (r.Teller == "" || r.Teller == teller) && (r.Silent == "" || r.Silent == silent) &&
			(len(r.Kinds) == 0 || slices.Contains(r.Kinds, p.doc.kind)) && r.holds(c, side, p)
	})
}
