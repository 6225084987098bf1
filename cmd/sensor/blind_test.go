// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sensor/vmtests/acts"
)

// A blind spot is what the tracepoint variant of the network kinds cannot see.
// The field "document" stands for a whole one.
type blind struct{ acts, field, reason string }

var blindSpots = []blind{
	{"net-udp-raw net-udp-raw-v6 net-udp-raw-header net-udp-ping net-udp-ping-v6", "document",
		"datagrams of raw and ping sockets that are not connected: no cgroup hook sees them"},
	{"net-udp-send net-udp-send-v6 net-udp-send-mapped net-udp-send-unbound net-udp-send-unbound-v6 net-udp-send-many net-udp-send-two " +
		"net-udp-sockets net-udp-processes net-udp-sendmmsg net-udp-answered net-udp-send-no-route net-udp-older net-not-received", "event.outcome",
		"the outcome of a datagram to a peer that the socket is not connected to: the cgroup hook comes before it"},
}

// of gives what the variant does not see of an act.
func blindTo(act string) (fields []string) {
	for _, b := range blindSpots {
		if slices.Contains(strings.Fields(b.acts), act) {
			fields = append(fields, b.field)
		}
	}
	return fields
}

// byTracepoints reports whether the network kinds are served by the lesser variant here.
func byTracepoints() bool {
	for _, a := range diagnose().Kinds {
		if a.Kind == "connect" && a.Works {
			return a.Variant == "tracepoint"
		}
	}
	return false
}

// checkAct compares what an act said with the documents, but for what this host
// cannot see. A blind spot that sees is an error too.
func checkAct(r acts.Result, docs []map[string]any, tracepoints bool) (errs []error) {
	fields := blindTo(r.Name)
	if !tracepoints || len(fields) == 0 {
		return acts.Check(r, docs)
	}
	if slices.Contains(fields, "document") {
		if acts.Check(r, docs) == nil {
			errs = append(errs, fmt.Errorf("it is seen: take it from the blind spots"))
		}
		return errs
	}
	for _, list := range [][]acts.Expectation{r.Expect, r.Also, r.May} {
		for _, e := range list {
			if e.Action != "connection_attempted" {
				continue
			}
			for _, field := range append(fields, "error.code") {
				if _, ok := e.Fields[field]; ok {
					e.Fields[field] = nil // absent
				}
			}
		}
	}
	return acts.Check(r, docs)
}

const hooksDoc = "../../docs/hooks.md"

// TestBlindSpots holds docs/hooks.md to what the acts are excused from.
func TestBlindSpots(t *testing.T) {
	if row() != "host" {
		t.Skip("there are no docs in a VM")
	}
	text, err := os.ReadFile(hooksDoc)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, b := range blindSpots {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", b.field, b.reason, strings.ReplaceAll(b.acts, " ", ", "))
		for _, act := range strings.Fields(b.acts) {
			if !slices.ContainsFunc(acts.List(t), func(a acts.Act) bool { return a.Name == act }) {
				t.Errorf("there is no act %s", act)
			}
		}
	}
	begin, end := "<!-- blind -->\n| field | what is not seen | acts |\n| --- | --- | --- |\n", "<!-- /blind -->"
	_, rest, ok := strings.Cut(string(text), begin)
	was, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no table of blind spots", hooksDoc)
	}
	if was == table.String() {
		return
	}
	if !*update {
		t.Errorf("%s differs from the blind spots: run go test ./cmd/sensor -run TestBlindSpots -update", hooksDoc)
		return
	}
	before, _, _ := strings.Cut(string(text), begin)
	if err := os.WriteFile(hooksDoc, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
