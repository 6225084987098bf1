// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"

	"sensor/internal/events"
	"sensor/internal/fallback/audit"
	"sensor/internal/fallback/inotify"
	"sensor/internal/fallback/procconn"
	"sensor/internal/fallback/sockdiag"
	"sensor/internal/probes"
)

type doctorCommand struct {
	JSON bool `help:"Write JSON for machines."`
}

// diagnosis is what doctor finds. Its JSON is stable: users script it.
type diagnosis struct {
	Host  hostFacts `json:"host"`
	Kinds []attempt `json:"kinds"`
	Blind []string  `json:"blind"` // what no source of this build sees on this host
}

// attempt is one way to serve a kind, tried out.
type attempt struct {
	kind    events.Kind
	Kind    string   `json:"kind"`
	Source  string   `json:"source"`
	Variant string   `json:"variant"`
	Hooks   []string `json:"hooks"`
	Works   bool     `json:"works"`
	Reason  string   `json:"reason,omitempty"` // the kernel's, if it does not work
}

// Run tries every variant of every kind on this host, and takes all of it back.
func (c doctorCommand) Run(std streams) error {
	d := diagnose()
	if c.JSON {
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	return d.write(std.out)
}

func diagnose() diagnosis {
	d := diagnosis{Host: readHostFacts()}
	var kinds []events.Kind
	for _, kind := range events.Kinds() {
		if !kind.Traits().Internal {
			kinds = append(kinds, kind)
		}
	}
	parts := sourceParts{log: slog.New(slog.DiscardHandler), ledger: &events.Ledger{}, settings: schema().Default(), diagnosis: true}
	for _, source := range makeSources(parts) {
		attempts, err := try(source, kinds)
		d.Kinds = append(d.Kinds, attempts...)
		if err != nil {
			d.Blind = append(d.Blind, err.Error())
		}
	}
	slices.SortStableFunc(d.Kinds, func(a, b attempt) int { return cmp.Compare(a.kind, b.kind) })
	d.Blind = append(d.Blind, d.blind()...)
	return d
}

// try opens a source for all kinds, lists what it attempted, and closes it
// again; the error is one of closing.
func try(source events.Source, kinds []events.Kind) ([]attempt, error) {
	var attempts []attempt
	_, err := source.Open(slices.Clone(kinds))
	if planner, ok := source.(events.Planner); ok {
		for _, service := range planner.Plan() {
			a := attempt{kind: service.Kind, Kind: service.Kind.String(), Source: source.Name(), Variant: service.Variant, Hooks: service.Hooks, Works: service.Err == nil}
			if service.Err != nil {
				a.Reason = service.Err.Error()
			}
			attempts = append(attempts, a)
		}
	}
	if len(attempts) == 0 && err != nil { // it did not come as far as a kind
		attempts = append(attempts, attempt{Kind: "all", Source: source.Name(), Reason: err.Error()})
	}
	return attempts, source.Close()
}

// blindSpot is what is not seen of a kind where that source serves it. An empty variant is any.
type blindSpot struct {
	kind            events.Kind
	source, variant string
	what            []string
}

func blindSpotTable() []blindSpot {
	return []blindSpot{
		{events.KindExec, procconn.Name, "", []string{"what processes were that ended before they could be looked at"}},
		{events.KindExit, audit.Name, "", []string{"ends of processes by a signal"}},
		{events.KindExecFailed, probes.Name, "", []string{"failed execs by 32-bit programs: the kernel hides compat system calls from system call tracepoints"}},
		{events.KindExecFailed, audit.Name, "", []string{"the arguments of failed execs"}},
		{events.KindConnect, probes.Name, "tracepoint", []string{
			"datagrams of raw and ping sockets: there are no trampolines (fentry, fexit) here, and no cgroup hook sees them",
			"the outcome of a datagram to a peer that the socket is not connected to",
			"accepts by io_uring and 32-bit programs until their sockets are closed, and why their connects failed before the first packet",
		}},
		{events.KindConnect, audit.Name, "", []string{"datagrams that are sent without connect(2), and TCP fast open", "the protocol and the own address of flows"}},
		{events.KindConnect, sockdiag.Name, "", []string{"failed connects, and connections of other network namespaces"}},
		{events.KindConnect, sockdiag.Name, "dump", []string{"connections that are shorter than sockdiag.interval"}},
		{events.KindAccept, audit.Name, "", []string{"accepts by programs that do not ask accept(2) who called"}},
		{events.KindFileCreate, audit.Name, "", []string{"the front of paths that are relative to an open directory"}},
		{events.KindFileWrite, probes.Name, "tracepoint", []string{
			"files of 32-bit programs: there are no trampolines here, and the kernel hides compat system calls from system call tracepoints",
			"writes by libaio, by io_uring without a completion, and to shared mappings that become writable later",
		}},
		{events.KindFileWrite, audit.Name, "", []string{"writes themselves: files are told when they are opened for writing; not those behind passed and inherited descriptors"}},
		{events.KindFileWrite, inotify.Name, "", []string{"who changed a file, and what is outside of inotify.paths"}},
	}
}

// blind names what is not seen on this host.
func (d diagnosis) blind() []string {
	serves := map[string]attempt{} // by kind the first that works
	for _, a := range d.Kinds {
		if _, ok := serves[a.Kind]; a.Works && !ok {
			serves[a.Kind] = a
		}
	}
	var blind []string
	for _, kind := range events.Kinds() {
		if !kind.Traits().Internal && !serves[kind.String()].Works {
			blind = append(blind, fmt.Sprintf("kind %s: nothing serves it", kind))
		}
	}
	if !d.Host.InitialPIDNamespace {
		blind = append(blind, "processes older than the sensor outside its pid namespace, and the arguments of those inside: run it in the host's pid namespace (--pid=host)")
	}
	for _, spot := range blindSpotTable() {
		a := serves[spot.kind.String()]
		if a.Source == spot.source && (spot.variant == "" || a.Variant == spot.variant) {
			blind = append(blind, spot.what...)
		}
	}
	return blind
}

func (d diagnosis) write(w io.Writer) error {
	var b strings.Builder
	h := d.Host
	fmt.Fprintf(&b, "kernel         %s %s\n", h.Kernel, h.Architecture)
	fmt.Fprintf(&b, "BTF            %s\n", h.BTF)
	fmt.Fprintf(&b, "lockdown       %s\n", h.Lockdown)
	fmt.Fprintf(&b, "tracefs        %s\n", h.Tracefs)
	fmt.Fprintf(&b, "cgroup         %s\n", h.Cgroup)
	fmt.Fprintf(&b, "pid namespace  %s\n", map[bool]string{true: "the host's", false: "not the host's"}[h.InitialPIDNamespace])
	fmt.Fprintf(&b, "capabilities   %s\n", h.capabilities())
	fmt.Fprintf(&b, "audit          %s\n", h.Audit)
	b.WriteString("\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, a := range d.Kinds {
		verdict := "works"
		if !a.Works {
			verdict = "does not work: " + a.Reason
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s  %s\n", a.Kind, a.Source, a.Variant, strings.Join(a.Hooks, " "), verdict)
	}
	table.Flush()
	if len(d.Blind) > 0 {
		b.WriteString("\nblind here:\n")
		for _, line := range d.Blind {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
