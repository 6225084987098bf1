// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/internal/export/enginetest"
)

// A delivering sensor writes into a namespace of the test's own.
type delivering struct {
	t         *testing.T
	engine    *enginetest.Engine
	namespace string
	place     string // the executables and files whose events are looked at
	spool     string
	metrics   string // address
	extra     string // of the configuration
}

func newDelivering(t *testing.T, e *enginetest.Engine) *delivering {
	t.Helper()
	d := &delivering{
		t: t, engine: e, namespace: "t" + strconv.FormatInt(time.Now().UnixNano(), 36),
		place: ownPlace(t), spool: filepath.Join(t.TempDir(), "spool"), metrics: freeAddress(t),
	}
	s := exec.Command("/proc/self/exe", "setup", "-c", d.config("setup"))
	s.Env = append(os.Environ(), beSensor+"=1")
	if out, err := s.CombinedOutput(); err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
	return d
}

// ownPlace is a directory with a copy of true(1) by the name of act.
func ownPlace(t *testing.T) string {
	t.Helper()
	place := t.TempDir()
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(filepath.Join(place, "act"), text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return place
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// config is that of a sensor by the name of agent.
func (d *delivering) config(agent string) string {
	d.t.Helper()
	return configFile(d.t, fmt.Sprintf(`
filters: {paths: {deny: [/], allow: [%q]}}
agent: {id: %s}
output:
  to: elasticsearch
  data_stream: {namespace: %s}
  elasticsearch: {hosts: [%q], dead_letter: %q, bulk: {linger: 100ms}, timeout: 20s}
spool: {path: %q}
metrics: {listen: %q, interval: 1s}
limits: {queue: {events: 65536, bytes: 256MiB}}
shutdown: {grace: 1m}
%s`, d.place, agent, d.namespace, d.engine.URL, filepath.Join(d.place, "dead"), d.spool, d.metrics, d.extra))
}

// start starts a sensor by the name of agent.
func (d *delivering) start(agent string) *sensor {
	d.t.Helper()
	s := command(d.t, "-c", d.config(agent))
	s.run()
	return s
}

// act executes and makes files, n of each, named after the run.
func (d *delivering) act(run string, n int) {
	d.t.Helper()
	for i := range n {
		if out, err := exec.Command(filepath.Join(d.place, "act"), run, strconv.Itoa(i)).CombinedOutput(); err != nil {
			d.t.Fatalf("%v: %s", err, out)
		}
		if err := os.WriteFile(filepath.Join(d.place, run+"-"+strconv.Itoa(i)), nil, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// numbers reads /metrics, and sums each metric up.
func (d *delivering) numbers() map[string]uint64 {
	d.t.Helper()
	response, err := http.Get("http://" + d.metrics + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	sums := map[string]uint64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, "{")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			d.t.Fatalf("%s: %v", lines.Text(), err)
		}
		sums[name] += uint64(n)
	}
	if err := lines.Err(); err != nil {
		d.t.Fatal(err)
	}
	return sums
}

// until waits until the numbers are as wanted, and gives them.
func (d *delivering) until(what string, holds func(map[string]uint64) bool) map[string]uint64 {
	d.t.Helper()
	for deadline := time.Now().Add(4 * patience); ; {
		n := d.numbers()
		if holds(n) {
			return n
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s does not come: %v", what, n)
		}
		time.Sleep(100 * time.Millisecond) // between two questions
	}
}

// taken is how many events of its own the sensor has answered for: they are delivered or in the spool.
func taken(n map[string]uint64) uint64 {
	return n["sensor_events_delivered_total"] + n["sensor_events_spooled"] - n["sensor_events_recovered_total"]
}

// indexed is a document in the engine.
type indexed struct {
	ID    string `json:"-"`
	Event struct {
		ID, Action string
		Sequence   uint64
	}
	Agent   struct{ ID string }
	Process struct {
		Executable string
		Args       []string
	}
	File struct{ Path string }
}

// find gives all documents that the engine has.
func (d *delivering) find() []indexed {
	d.t.Helper()
	var list []indexed
	for _, found := range d.engine.Search(d.t, "logs-sensor.*-"+d.namespace, "") {
		doc := indexed{ID: found.ID}
		if err := json.Unmarshal(found.Source, &doc); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, doc)
	}
	return list
}

// sequences gives the numbers of each agent's events, sorted, and fails for any that is there twice.
func (d *delivering) sequences(docs []indexed) map[string][]uint64 {
	d.t.Helper()
	seen := map[string]bool{}
	of := map[string][]uint64{}
	for _, doc := range docs {
		if doc.ID != doc.Event.ID {
			d.t.Errorf("document %s is event %s", doc.ID, doc.Event.ID)
		}
		if seen[doc.Event.ID] {
			d.t.Errorf("event %s is there twice", doc.Event.ID)
		}
		seen[doc.Event.ID] = true
		of[doc.Agent.ID] = append(of[doc.Agent.ID], doc.Event.Sequence)
	}
	for agent := range of {
		slices.Sort(of[agent])
		if list := slices.Compact(slices.Clone(of[agent])); len(list) != len(of[agent]) {
			d.t.Errorf("%s: %d numbers for %d events", agent, len(list), len(of[agent]))
		}
	}
	return of
}

// TestDeliveryChaos kills the sensor three times and the engine twice, each in the middle of work. What a sensor has
// answered for is in the engine in the end, once; and the accounts of the last sensor add up over what it has inherited.
func TestDeliveryChaos(t *testing.T) {
	needsTime(t)
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		const acts = 120
		d := newDelivering(t, e)
		answered := map[string]uint64{} // by agent: for how many events at least
		kill := func(s *sensor, agent string, n map[string]uint64) {
			answered[agent] = taken(n)
			if err := errors.Join(s.cmd.Process.Kill(), ignoreExit(s.cmd.Wait())); err != nil {
				t.Fatal(err)
			}
		}

		s := d.start("one") // killed while it delivers
		d.act("one", acts)
		kill(s, "one", d.until("delivery", func(n map[string]uint64) bool { return taken(n) >= 2*acts && n["sensor_bulk_requests_total"] > 0 }))

		s = d.start("two") // killed while the engine is away
		d.act("two", acts/2)
		e.Stop(t)
		d.act("two-alone", acts/2)
		kill(s, "two", d.until("the spool", func(n map[string]uint64) bool { return taken(n) >= 2*acts && n["sensor_spool_events"] > 0 }))

		s = d.start("three") // inherits, finds no engine, then one, and is killed while it delivers
		d.act("three", acts/2)
		e.Restart(t)
		d.act("three-again", acts/2)
		kill(s, "three", d.until("delivery", func(n map[string]uint64) bool { return taken(n) >= 2*acts && n["sensor_events_delivered_total"] > 0 }))

		s = d.start("four") // the engine crashes, and comes back
		d.act("four", acts/2)
		e.Stop(t)
		d.act("four-alone", acts/2)
		e.Restart(t)
		d.until("an empty spool", func(n map[string]uint64) bool { return taken(n) >= 2*acts && n["sensor_spool_events"] == 0 })
		b := s.stop()
		answered["four"] = total(b.Generated) + total(b.Synthesized) - total(b.Filtered) - total(b.Aggregated)
		if b.Lost() != 0 || len(b.Spooled) != 0 {
			t.Errorf("the last sensor has lost or kept: %s", b)
		}

		docs := d.find()
		of := d.sequences(docs)
		for _, agent := range slices.Sorted(maps.Keys(answered)) {
			list := of[agent]
			if uint64(len(list)) < answered[agent] {
				t.Errorf("%s has answered for %d events, %d are there", agent, answered[agent], len(list))
			}
			// What a kill -9 has cut off is the end of the numbers, but for one write to the spool, whose two classes come one after the other.
			const written = 256
			for i, n := range list {
				if n != uint64(i)+1 && n+written < list[len(list)-1] {
					t.Errorf("%s: after event %d comes %d of %d", agent, i, n, list[len(list)-1])
					break
				}
			}
			t.Logf("%s: answered for %d, %d are there, the last is number %d", agent, answered[agent], len(list), list[len(list)-1])
		}
		if n := uint64(len(of["four"])); n != answered["four"] {
			t.Errorf("the last sensor has told of %d events, %d are there", answered["four"], n)
		}
		// What no sensor was killed amid is there as it was done, once each.
		acted := map[string]int{}
		for _, doc := range docs {
			switch {
			case doc.Event.Action == "exec" && doc.Process.Executable == filepath.Join(d.place, "act"):
				acted[strings.Join(doc.Process.Args[1:], "-")]++
			case doc.Event.Action == "creation" && doc.File.Path != "":
				acted["file "+filepath.Base(doc.File.Path)]++
			}
		}
		for _, run := range []string{"four", "four-alone"} {
			for i := range acts / 2 {
				name := fmt.Sprintf("%s-%d", run, i)
				if acted[name] != 1 || acted["file "+name] != 1 {
					t.Errorf("%s: executed %d times, its file made %d times", name, acted[name], acted["file "+name])
				}
			}
		}
		if dead, err := os.ReadFile(filepath.Join(d.place, "dead")); err != nil || len(dead) > 0 {
			t.Errorf("refused, %v: %.1000s", err, dead)
		}
	})
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func total(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// missionRule is the rule as Elastic wrote it, with its KQL in the words of a query string.
const missionRule = `network.transport: tcp AND destination.port: 22 AND (network.direction: outbound OR ` +
	`(source.ip: ("10.0.0.0/8" OR "172.16.0.0/12" OR "192.168.0.0/16") AND NOT ` +
	`destination.ip: ("10.0.0.0/8" OR "172.16.0.0/12" OR "192.168.0.0/16")))`

// TestMissionRule has the rule fire for an ssh connection from a private address to a public one, and not for one to a
// private one. Both ends are in a network namespace of the test's own; the public address is one for documentation.
func TestMissionRule(t *testing.T) {
	needsTime(t)
	needsPrograms(t)
	enginetest.All(t, func(t *testing.T, e *enginetest.Engine) {
		d := newDelivering(t, e)
		s := d.start("rule")
		const public, private = "203.0.113.9", "10.9.9.9"
		script := `set -e
ip link set lo up
ip address add 10.1.2.3/32 dev lo
for a in ` + public + ` ` + private + `; do
	ip route add local $a/32 dev lo table local src 10.1.2.3
	(exec 3<>/dev/tcp/$a/22) 2>&1 | grep -q refused # nobody listens: an attempt is an attempt
done`
		ns := exec.Command("bash", "-c", script)
		ns.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if out, err := ns.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if b := s.stop(); b.Delivered[events.KindConnect.String()] < 2 {
			t.Fatalf("the connects were not delivered: %s", b)
		}
		query, err := json.Marshal(map[string]any{"query_string": map[string]any{"query": missionRule}})
		if err != nil {
			t.Fatal(err)
		}
		index := "logs-sensor.network-" + d.namespace
		var fired []string
		for _, found := range e.Search(t, index, string(query)) {
			var doc struct {
				Destination struct{ IP string }
				Source      struct{ IP string }
				Network     struct{ Direction string }
				Process     struct{ Name string }
			}
			if err := json.Unmarshal(found.Source, &doc); err != nil {
				t.Fatal(err)
			}
			fired = append(fired, fmt.Sprintf("%s %s %s %s", doc.Process.Name, doc.Source.IP, doc.Network.Direction, doc.Destination.IP))
		}
		if want := []string{"bash 10.1.2.3 egress " + public}; !slices.Equal(fired, want) {
			t.Errorf("fired for %q, want %q", fired, want)
			for _, found := range e.Search(t, index, `{"term":{"destination.port":22}}`) {
				t.Logf("%s", bytes.TrimSpace(found.Source))
			}
		}
		if n := e.Count(t, index, `{"bool":{"filter":[{"term":{"destination.port":22}},{"term":{"destination.ip":"`+private+`"}}]}}`); n != 1 {
			t.Errorf("%d connects to the private address are there", n)
		}
	})
}
