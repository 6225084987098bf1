// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sensor/vmtests/acts"
)

// A blind spot is what a variant or a kernel does not let the kinds of the network and of files see.
// The field "document" stands for a whole one, "document, sometimes" for one that depends on chance.
type blind struct{ where, fields, reason, acts string }

const (
	tracepoints = "variant tracepoint"
	before64    = "before Linux 6.4"
)

var blindSpots = []blind{
	{tracepoints, "document", "datagrams of raw and ping sockets that are not connected: no cgroup hook sees them",
		"net-udp-raw net-udp-raw-v6 net-udp-raw-header net-udp-ping net-udp-ping-v6"},
	{tracepoints, "event.outcome error.code", "the outcome of a datagram to a peer that the socket is not connected to: the cgroup hook comes before it",
		"net-udp-send net-udp-send-v6 net-udp-send-mapped net-udp-send-unbound net-udp-send-unbound-v6 net-udp-send-many net-udp-send-two " +
			"net-udp-sockets net-udp-processes net-udp-sendmmsg net-udp-answered net-udp-send-no-route net-udp-older net-not-received net-uring-udp-send net-compat-udp"},
	{tracepoints, "error.code", "why a connect failed before its first packet, by io_uring or a 32-bit program", "net-uring-no-route net-compat-no-route"},
	{tracepoints, "document, sometimes", "an accept into a fixed slot of io_uring: it is told at the ring's end, and where the kernel does that by itself it is not known for whom", "net-uring-fixed net-uring-polled-fixed"},
	{tracepoints, "destination.path destination.address", "where to a connect by AF_UNIX was that failed: the name is the peer's, and there is none",
		"net-local-unix-refused net-local-unix-backlog"},
	{tracepoints, "document", "AF_UNIX by io_uring or a 32-bit program", "net-local-unix-uring net-compat-unix"},
	{tracepoints, "document", "files by a 32-bit program: the kernel hides its calls from tracepoints", "file-compat file-compat-writev file-compat-int80"},
	{tracepoints, "document", "writes by libaio, and by io_uring without a completion (CQE_SKIP)", "file-write-aio file-uring-silent"},
	{tracepoints, "document", "a shared mapping that becomes writable later, by mprotect", "file-write-mmap-later"},
	{tracepoints, "file.mode file.uid file.gid file.size", "what stat says at the end of writes that the end of the process or of a mapping ends",
		"file-write-mmap-closed file-write-handed file-write-exit file-write-killed"},
	{tracepoints, "file.mode file.uid file.gid file.size file.inode file.type", "of a file of an overlay's lower layer that is removed or renamed only its path", "file-path-overlay"},
	{before64, "source.bytes destination.bytes network.bytes", "the bytes of MPTCP connections, which are not counted (38967f424b5b)",
		"net-connect-mptcp net-connect-mptcp-v6 net-connect-mptcp-client"},
}

// list gives the fields one by one.
func (b blind) list() []string {
	if strings.HasPrefix(b.fields, "document") {
		return []string{b.fields}
	}
	return strings.Fields(b.fields)
}

// blindHere gives the blind spots of a host that was found to be so.
func blindHere(t *testing.T, host diagnosis) (here []blind) {
	t.Helper()
	where := map[string]bool{}
	for _, a := range host.Kinds {
		if a.Kind == "connect" && a.Works {
			where[tracepoints] = a.Variant == "tracepoint"
			break
		}
	}
	var release unix.Utsname
	if err := unix.Uname(&release); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(release.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	where[before64] = major < 6 || major == 6 && minor < 4
	for _, b := range blindSpots {
		if where[b.where] {
			here = append(here, b)
		}
	}
	return here
}

// checkAct compares what an act said with the documents, but for what this host
// cannot see, which has to be absent.
func checkAct(r acts.Result, docs []map[string]any, here []blind) error {
	for _, b := range here {
		if !slices.Contains(strings.Fields(b.acts), r.Name) {
			continue
		}
		if strings.HasPrefix(b.fields, "document") {
			if b.fields == "document" && acts.Check(r, docs) == nil {
				return errors.New("it is seen: take it from the blind spots")
			}
			return nil
		}
		for _, list := range [][]acts.Expectation{r.Expect, r.Also, r.May} {
			for _, e := range list {
				for _, field := range b.list() {
					if _, ok := e.Fields[field]; !ok {
						continue
					}
					switch {
					case strings.Contains(e.Action, "connect"):
						e.Fields[field] = nil // absent
					case strings.HasPrefix(field, "file."):
						delete(e.Fields, field) // of some documents of the act
					}
				}
			}
		}
	}
	return errors.Join(acts.Check(r, docs)...)
}

// TestBlindSpots holds the documents to what the acts are excused from.
func TestBlindSpots(t *testing.T) {
	if row() != "host" {
		t.Skip("there are no docs in a VM")
	}
	holdBlindSpots(t, "../../docs/hooks.md", blindSpots)
	holdBlindSpots(t, "../../docs/fallback.md", slices.Concat(auditLens.blind, procconnLens.blind))
}

func holdBlindSpots(t *testing.T, doc string, spots []blind) {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, b := range spots {
		fmt.Fprintf(&table, "| %s | `%s` | %s | %s |\n", b.where, strings.Join(b.list(), "`, `"), b.reason, strings.ReplaceAll(b.acts, " ", ", "))
		for _, act := range strings.Fields(b.acts) {
			if !slices.ContainsFunc(acts.List(t), func(a acts.Act) bool { return a.Name == act }) {
				t.Errorf("there is no act %s", act)
			}
		}
	}
	begin, end := "<!-- blind -->\n| where | field | what is not seen | acts |\n| --- | --- | --- | --- |\n", "<!-- /blind -->"
	_, rest, ok := strings.Cut(string(text), begin)
	was, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no table of blind spots", doc)
	}
	if was == table.String() {
		return
	}
	if !*update {
		t.Errorf("%s differs from the blind spots: run go test ./cmd/sensor -run TestBlindSpots -update", doc)
		return
	}
	before, _, _ := strings.Cut(string(text), begin)
	if err := os.WriteFile(doc, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
