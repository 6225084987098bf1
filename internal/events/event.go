// SPDX-License-Identifier: Apache-2.0

// Package events defines what the sensor reports: the event, its sections, the
// kinds, the small interfaces between the stages, and the ledger that accounts
// for every event. It knows no source and no sink.
package events

import (
	"context"
	"time"
)

// Event is one thing that happened, or that the sensor has to say about itself.
// A source fills what it knows; enrichers complete it; from the moment it is
// queued for a sink it is read only.
type Event struct {
	Kind     Kind
	ID       ID
	Sequence uint64    // order of emission in this run of the sensor, from 1
	Provider string    // event.provider: the name of the source
	Time     time.Time // when it happened
	Created  time.Time // when the sensor read it
	Outcome  Outcome

	Process *Process // who did it; nil if unknown
	Family  Family   // the relatives of Process
	End     *End     // exit: how the process ended
	Attempt *Attempt // exec_failed: what Process tried to run
	Network *Network // connect, accept, close, bind, listen: between whom
	Local   *Local   // unix_connect, vsock_accept and so on: likewise
	File    *File    // file_create, file_write and so on: what happened to it
	Words   *Words   // in place of the kind's own
	Account *Account // authentication, session, iam, configuration: whose
	Audit   *Audit   // the audit records themselves, where they are asked for
	Loss    *Loss    // events_lost
	Serving *Serving // serving, metrics
	Metrics *Metrics // metrics
}

// Size is a rough count of the bytes that the event keeps in memory.
func (e *Event) Size() int {
	size := 512
	if e.Process != nil {
		size += e.Process.Size()
	}
	if e.Attempt != nil {
		size += len(e.Attempt.Filename) + len(e.Attempt.Args.Packed)
	}
	if e.Network != nil {
		size += e.Network.Size()
	}
	if e.Local != nil {
		size += e.Local.Size()
	}
	if e.File != nil {
		size += e.File.memory()
	}
	if e.Account != nil {
		size += e.Account.memory()
	}
	if e.Audit != nil {
		size += e.Audit.memory()
	}
	if e.Metrics != nil {
		size += e.Metrics.memory()
	}
	return size
}

// Outcome is event.outcome.
type Outcome uint8

// The zero Outcome is left out of the document: unknown.
const (
	OutcomeUnknown Outcome = iota
	OutcomeSuccess
	OutcomeFailure
)

// End says how a process ended.
type End struct {
	Status uint32 // as wait(2) gives it
}

// ExitCode is the code given to exit(2), or 128 plus the signal as a shell says it.
func (e End) ExitCode() int {
	if signal := e.Signal(); signal != 0 {
		return 128 + signal
	}
	return int(e.Status >> 8 & 0xff)
}

// Signal is the number of the signal that ended the process, or 0.
func (e End) Signal() int { return int(e.Status & 0x7f) }

// CoreDumped reports whether the kernel wrote a core.
func (e End) CoreDumped() bool { return e.Status&0x80 != 0 }

// Attempt is an exec that failed. What was asked for is read from user memory
// afterwards: unlike all else here it may have been changed in between.
type Attempt struct {
	Filename string
	Args     Args
	Code     string // ENOENT
	Message  string // no such file or directory
	Redacted bool   // Args had secrets masked
}

// Serving says which source tells of which kind from now on, and of what nobody does.
type Serving struct {
	By    []Served // in the order of the kinds
	Not   []Kind   // that are wanted and that nobody serves
	Cause string   // why it has changed; "" at the start
}

// Served is one kind with the source that tells of it, and the way it has.
type Served struct {
	Kind            Kind
	Source, Variant string // Variant is "" if the source does not say
}

// Words are the ECS words of an event whose kind does not fix them.
type Words struct {
	Category []string // event.category
	Type     []string // event.type
	Action   string   // event.action
}

// Source turns what the kernel tells into events.
type Source interface {
	// Name is event.provider.
	Name() string
	// Open takes as many of the wanted kinds as it can serve. err joins one
	// reason for each kind that it could not take. After Close it may be opened
	// again, for other kinds.
	Open(want []Kind) (got []Kind, err error)
	// Run emits until ctx ends, then drains what is left and returns.
	Run(ctx context.Context, emit func(*Event)) error
	Close() error
}

// Planner is a source that can say how it serves each kind.
type Planner interface {
	// Plan lists the attempts that the last Open made, in order: for each kind the
	// variants that failed and then the one that serves.
	Plan() []Service
}

// Service is one attempt to serve a kind by one of a source's variants.
type Service struct {
	Kind    Kind
	Variant string
	Hooks   []string // what it hangs on: tp_btf/sched_process_exec, audit/execve
	Err     error    // why it does not serve; nil if it does
}

// Enricher completes an event in place. It never blocks on network or disk.
type Enricher interface{ Enrich(*Event) }

// Sink takes events away.
type Sink interface {
	Name() string
	// Write takes the first n events of the batch: they are delivered, or the
	// sink keeps them and accounts for them itself (see [Deferring]). err is
	// non-nil if n is less than len(batch).
	Write(ctx context.Context, batch []*Event) (n int, err error)
	Close(ctx context.Context) error
}

// Deferring is a sink that has taken events before it has delivered them. It counts
// in the ledger itself what becomes of them.
type Deferring interface {
	Sink
	// Defers is there to tell such a sink from others.
	Defers()
}
