// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"sensor/internal/events"
)

// waitFor waits until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// scaled is how many of n an emulated machine does in the same time.
func scaled(n int) int {
	if row() != "host" {
		return max(1, n/50)
	}
	return n
}

// lost is what was lost but for what the kernel itself skips where it can (docs/hooks.md).
func lost(balance events.Balance) uint64 {
	if preemptible() {
		delete(balance.Dropped, events.ReasonRecursion.String())
	}
	return balance.Lost()
}

// numberAt gives the number that stands at a dotted path, or 0.
func numberAt(t *testing.T, doc map[string]any, path string) uint64 {
	t.Helper()
	text, _ := field(doc, path).(json.Number)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text.String(), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return n
}

// of gives the documents of a process with an action.
func of(t *testing.T, docs []map[string]any, pid int, action string) (list []map[string]any) {
	t.Helper()
	for _, doc := range docs {
		if field(doc, "event.action") == action && numberAt(t, doc, "process.pid") == uint64(pid) {
			list = append(list, doc)
		}
	}
	return list
}

const (
	connectAction = "connection_attempted"
	acceptAction  = "connection_accepted"
	closeAction   = "disconnect_received"
)

// socketsOf counts what the sensor's map of sockets holds of these processes.
func socketsOf(t *testing.T, s *sensor, pids ...int) int {
	t.Helper()
	const tgid = 44 // in struct header
	sockets := mapOf(t, s, "sockets")
	defer sockets.Close()
	var key, value []byte
	n := 0
	for {
		n = 0
		entries := sockets.Iterate()
		for entries.Next(&key, &value) {
			for _, pid := range pids {
				if binary.NativeEndian.Uint32(value[tgid:]) == uint32(pid) {
					n++
				}
			}
		}
		switch err := entries.Err(); {
		case errors.Is(err, ebpf.ErrIterationAborted): // it changed meanwhile
		case err != nil:
			t.Fatal(err)
		default:
			return n
		}
	}
}

// mapOf finds a map of a running sensor among its descriptors.
func mapOf(t *testing.T, s *sensor, name string) *ebpf.Map {
	t.Helper()
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range descriptors {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		for line := range strings.Lines(string(text)) {
			value, ok := strings.CutPrefix(line, "map_id:")
			if !ok {
				continue
			}
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			m, err := ebpf.NewMapFromID(ebpf.MapID(id))
			if err != nil {
				t.Fatal(err)
			}
			if info, err := m.Info(); err == nil && info.Name == name {
				return m
			}
			m.Close()
		}
	}
	t.Fatalf("the sensor has no map %s", name)
	return nil
}

// rss is the resident memory of the sensor in bytes.
func rss(t *testing.T, s *sensor) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

// A follower reads the sensor's output while it grows. To decode all documents
// of a storm would take minutes.
type follower struct {
	file  *os.File
	lines *bufio.Reader
	part  []byte // of a line that is not whole yet
}

func follow(t *testing.T, s *sensor) *follower {
	t.Helper()
	file, err := os.Open(s.output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &follower{file: file, lines: bufio.NewReaderSize(file, 1<<20)}
}

// read calls each with every whole line that has come since.
func (f *follower) read(t *testing.T, each func(line []byte)) {
	t.Helper()
	for {
		line, err := f.lines.ReadBytes('\n')
		f.part = append(f.part, line...)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		each(f.part)
		f.part = f.part[:0]
	}
}

// cut gives the text between before and after, or "".
func cut(line []byte, before, after string) string {
	_, rest, ok := bytes.Cut(line, []byte(before))
	text, _, whole := bytes.Cut(rest, []byte(after))
	if !ok || !whole {
		return ""
	}
	return string(text)
}

// A rush is many connections between two processes, and what was read of it.
type rush struct {
	client, server int
	port           string
	documents      map[string]int    // by pid and action
	flows          map[string][2]int // connects and accepts by community id
}

// rushBurst bounds how far a rush runs ahead of the sensor: two bursts, with four
// events for each connection, fit into the queue of the sensor. So it need not get
// its share of the CPUs in time.
const rushBurst = 750

// run connects and accepts, and reads what the sensor writes of it until all is there.
func (w *rush) run(t *testing.T, output *follower, size int) {
	t.Helper()
	serve := help(t, "serve")
	w.port = serve.said()
	connect := help(t, "connect", w.port, strconv.Itoa(size), strconv.Itoa(rushBurst))
	w.client, w.server = connect.pid(), serve.pid()
	w.documents, w.flows = map[string]int{}, map[string][2]int{}
	there := []byte(`"destination":{"address":"127.0.0.1","ip":"127.0.0.1","port":` + w.port)
	seen, bursts := 0, 0
	read := func() bool {
		output.read(t, func(line []byte) {
			if bytes.Contains(line, there) {
				seen++
				w.add(line)
			}
		})
		for ; bursts*rushBurst < size && seen >= 4*rushBurst*(bursts-1); bursts++ {
			connect.next()
		}
		return seen >= 4*size
	}
	for deadline := time.Now().Add(2 * patience); !read() && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	connect.finish()
	serve.finish()
}

func (w *rush) add(line []byte) {
	action := cut(line, `"action":"`, `"`)
	w.documents[cut(line, `"process":{"pid":`, `,`)+" "+action]++
	id := cut(line, `"community_id":"`, `"`)
	flow := w.flows[id]
	switch action {
	case connectAction:
		flow[0]++
	case acceptAction:
		flow[1]++
	}
	w.flows[id] = flow
}

// check wants each event of each connection once.
func (w *rush) check(t *testing.T, size int) {
	t.Helper()
	want := map[string]int{
		fmt.Sprint(w.client, " ", connectAction): size, fmt.Sprint(w.client, " ", closeAction): size,
		fmt.Sprint(w.server, " ", acceptAction): size, fmt.Sprint(w.server, " ", closeAction): size,
	}
	if !maps.Equal(w.documents, want) {
		t.Errorf("documents of client %d and server %d: %v, want %v", w.client, w.server, w.documents, want)
	}
	odd := 0
	for id, flow := range w.flows {
		if id == "" || flow[0] != flow[1] { // a port may be used again
			odd++
		}
	}
	if odd > 0 {
		t.Errorf("%d of %d flows have not as many accepts as connects", odd, len(w.flows))
	}
}

// TestNothingLostOfConnections has a storm of connections, and then another.
func TestNothingLostOfConnections(t *testing.T) {
	// What rings, queue and process table may take by default, as much again for garbage, and the program.
	const most = (2*80 + 40) << 20
	s := start(t)
	output := follow(t, s)
	for _, size := range []int{20_000, 5_000} {
		var w rush
		w.run(t, output, size)
		w.check(t, size)
		waitFor(t, "the map of sockets is empty again", func() bool { return socketsOf(t, s, w.client, w.server) == 0 })
		memory := rss(t, s)
		t.Logf("after %d connections the sensor has %d MiB", size, memory>>20)
		if memory > most {
			t.Errorf("after %d connections the sensor has %d MiB, want at most %d", size, memory>>20, most>>20)
		}
	}
	if balance := s.stop(); lost(balance) != 0 {
		t.Errorf("%d events were lost: %v", balance.Lost(), balance.Dropped)
	}
}

// TestSmallestBulkRing floods a bulk ring of one page: what is lost is told, and
// is of the bulk kinds alone.
func TestSmallestBulkRing(t *testing.T) {
	s := start(t, "-c", configFile(t, "limits: {rings: {bulk: 4096}}"))
	const burst = 200
	bursts := scaled(20)
	serve := help(t, "serve")
	flood := help(t, "connect", serve.said(), strconv.Itoa(bursts*burst), strconv.Itoa(burst))
	var execs []int
	for range bursts {
		flood.next()
		nothing := help(t, "nothing")
		execs = append(execs, nothing.pid())
		nothing.finish()
	}
	flood.finish()
	serve.finish()
	balance := s.stop()
	if preemptible() {
		delete(balance.Dropped, events.ReasonRecursion.String())
	}
	docs := s.documents()
	told := map[string]uint64{}
	for _, doc := range docs {
		if field(doc, "event.action") != "events_lost" || field(doc, "sensor.loss.stage") == "recursion" && preemptible() {
			continue
		}
		if field(doc, "sensor.loss.stage") != "ring" || field(doc, "sensor.loss.class") != "bulk" {
			t.Errorf("lost at stage %v, class %v; want ring, bulk", field(doc, "sensor.loss.stage"), field(doc, "sensor.loss.class"))
		}
		told[field(doc, "sensor.loss.kind").(string)] += numberAt(t, doc, "sensor.loss.count")
	}
	for _, kind := range []string{"connect", "accept", "close"} {
		if balance.Dropped["ring"][kind] == 0 {
			t.Errorf("no %s was lost: this test needs a loss; the ledger is %s", kind, balance)
		}
	}
	if !maps.Equal(told, balance.Dropped["ring"]) || len(balance.Dropped) != 1 {
		t.Errorf("events_lost tells of %v, the ledger of %v", told, balance.Dropped)
	}
	for _, pid := range execs {
		if n := len(of(t, docs, pid, "exec")); n != 1 {
			t.Errorf("process %d has %d exec documents, want 1", pid, n)
		}
	}
}

// TestManyOpenConnections has more connections than the sensor may remember: it
// loses the ends of those and counts them.
func TestManyOpenConnections(t *testing.T) {
	const open, room = 100, 8
	s := start(t, "-c", configFile(t, fmt.Sprintf("limits: {sockets: %d}", room)))
	hold := help(t, "hold", strconv.Itoa(open))
	hold.said()
	if n := socketsOf(t, s, hold.pid()); n > room {
		t.Errorf("%d sockets are remembered, want at most %d", n, room)
	}
	hold.finish()
	waitFor(t, "the map of sockets is empty again", func() bool { return socketsOf(t, s, hold.pid()) == 0 })
	balance := s.stop()
	docs := s.documents()
	for action, kind := range map[string]struct {
		name string
		want int
	}{connectAction: {"connect", open}, acceptAction: {"accept", open}, closeAction: {"close", 2 * open}} {
		got := len(of(t, docs, hold.pid(), action))
		// Others may be about on this host, whose connections are lost likewise.
		if dropped := int(balance.Dropped["map"][kind.name]); got > kind.want || got+dropped < kind.want {
			t.Errorf("%d %s documents and %d dropped, want %d", got, kind.name, dropped, kind.want)
		}
	}
	if n := len(of(t, docs, hold.pid(), acceptAction)); n != open {
		t.Errorf("%d accept documents, want %d: they need not be remembered", n, open)
	}
	told := map[string]uint64{}
	for _, doc := range docs {
		if field(doc, "event.action") == "events_lost" && field(doc, "sensor.loss.stage") == "map" {
			told[field(doc, "sensor.loss.kind").(string)] += numberAt(t, doc, "sensor.loss.count")
		}
	}
	if !maps.Equal(told, balance.Dropped["map"]) {
		t.Errorf("events_lost tells of %v, the ledger of %v", told, balance.Dropped["map"])
	}
}

// TestManyPeers sends from two sockets to a thousand peers each.
func TestManyPeers(t *testing.T) {
	const sockets, peers, most, window = 2, 1000, 64, 10 * time.Second
	s := start(t)
	send := help(t, "send", strconv.Itoa(sockets), strconv.Itoa(peers))
	took, err := time.ParseDuration(send.said())
	if err != nil {
		t.Fatal(err)
	}
	send.finish()
	balance := s.stop()
	bySocket := map[uint64]int{}
	told := of(t, s.documents(), send.pid(), connectAction)
	for _, doc := range told {
		bySocket[numberAt(t, doc, "source.port")]++
	}
	windows := 1 + int(took/window)
	for port, n := range bySocket {
		if n < most || n > most*windows {
			t.Errorf("port %d has told %d peers in %v, want %d in each %v", port, n, took, most, window)
		}
	}
	if len(bySocket) != sockets {
		t.Errorf("connects from ports %v, want %d ports", bySocket, sockets)
	}
	if n := len(told) + int(balance.Aggregated["connect"]); n < sockets*peers {
		t.Errorf("%d told and %d aggregated, want %d together", len(told), balance.Aggregated["connect"], sockets*peers)
	}
}

// TestOpenAttempts stops the sensor while a connect waits for a listener whose queue is full.
func TestOpenAttempts(t *testing.T) {
	s := start(t)
	wait := help(t, "wait")
	var port, first, second uint64
	if _, err := fmt.Sscan(wait.said(), &port, &first, &second); err != nil {
		t.Fatal(err)
	}
	balance := s.stop()
	wait.finish()
	if n := balance.Synthesized["connect"]; n == 0 {
		t.Errorf("no connect was made at the end: %s", balance)
	}
	docs := s.documents()
	outcomes := map[uint64]any{} // by source port
	for _, doc := range of(t, docs, wait.pid(), connectAction) {
		from := numberAt(t, doc, "source.port")
		if _, ok := outcomes[from]; ok {
			t.Errorf("the connect from port %d is told twice", from)
		}
		outcomes[from] = field(doc, "event.outcome")
		if to := numberAt(t, doc, "destination.port"); to != port {
			t.Errorf("a connect to port %d, want %d", to, port)
		}
	}
	if want := map[uint64]any{first: "success", second: nil}; !maps.Equal(outcomes, want) {
		t.Errorf("outcomes by source port are %v, want %v", outcomes, want)
	}
	if n := len(of(t, docs, wait.pid(), closeAction)); n != 0 {
		t.Errorf("%d close documents before anything was closed", n)
	}
}

// TestOrder runs processes that connect as soon as they are there: what tells of
// a process comes before what it does.
func TestOrder(t *testing.T) {
	const together = 4
	forks, rounds := scaled(400), scaled(50)
	s := start(t)
	serve := help(t, "serve")
	port := serve.said()
	fork := help(t, "fork", port, strconv.Itoa(forks))
	for range rounds {
		var programs []*helper
		for range together {
			programs = append(programs, help(t, "connect", port, "1", "0"))
		}
		for _, program := range programs {
			program.finish()
		}
	}
	fork.finish()
	serve.finish()
	if lost(s.stop()) != 0 && preemptible() {
		t.Skip("the kernel skipped a fork")
	}
	known := map[any]string{} // entity → last of its own events
	var forked, executed int
	for _, doc := range s.documents() {
		entity := field(doc, "process.entity_id")
		switch action := field(doc, "event.action").(string); action {
		case "already_running", "fork", "exec":
			known[entity] = action
		case connectAction, acceptAction:
			if entity == nil {
				continue
			}
			if known[entity] == "" {
				t.Errorf("%s %v of process %v comes before its process", action, field(doc, "event.id"), field(doc, "process.pid"))
			}
			if field(doc, "destination.port") != json.Number(port) || action != connectAction {
				continue
			}
			if field(doc, "process.executable") == nil || field(doc, "process.parent.pid") == nil {
				t.Errorf("a connect of process %v says nothing of its program or its parent", field(doc, "process.pid"))
			}
			switch known[entity] {
			case "fork":
				forked++
			case "exec":
				executed++
			}
		}
	}
	if want := rounds * together; forked != forks || executed != want {
		t.Errorf("connects of %d processes that were forked and %d that were executed, want %d and %d", forked, executed, forks, want)
	}
}
