// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sensor/internal/events"
	"sensor/vmtests/acts"
)

// configFile writes a configuration for the test.
func configFile(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sensor.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const stormAct = "storm-exec"

// storm runs an act that forks and execs by the thousand.
func storm(t *testing.T) { acts.Run(t, stormAct) }

// stormUntil storms until done: an emulated machine takes long for a whole storm.
func stormUntil(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		cmd := exec.Command(filepath.Join(acts.Build(t), "acts"), stormAct, "token")
		cmd.Dir = "/"
		cmd.Env = []string{"TMPDIR=" + t.TempDir()}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() { cmd.Wait(); close(over) }()
		for ended := false; !ended && !done(); {
			select {
			case <-over:
				ended = true
			case <-time.After(100 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				t.Error("the storm has not done what it is for")
				done = func() bool { return true }
			}
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-over
	}
}

func TestNothingLostAtDefaults(t *testing.T) {
	s := start(t)
	storm(t)
	balance := s.stop()
	if preemptible() { // docs/hooks.md: there the kernel itself skips programs, and counts it
		delete(balance.Dropped, events.ReasonRecursion.String())
	}
	if lost := balance.Lost(); lost != 0 {
		t.Errorf("%d events were lost: %v", lost, balance.Dropped)
	}
	if n := count(s.documents(), "exec"); n != balance.Delivered["exec"] || n < 2000 && !preemptible() {
		t.Errorf("%d exec documents; the ledger says %d delivered; the storm has 2000", n, balance.Delivered["exec"])
	}
}

// preemptible is true for kernels whose tracepoint programs can be preempted, Linux 7.0 and later.
func preemptible() bool { return strings.HasPrefix(row(), "7.") }

// TestSmallestRing floods a ring of one page until events of each kind were
// lost: all that is lost is counted and told.
func TestSmallestRing(t *testing.T) {
	needsPrograms(t)
	kinds := []string{"exec", "fork", "exit"}
	s := start(t, "-c", configFile(t, "limits: {rings: {critical: 4KiB}}"))
	stormUntil(t, func() bool {
		b, err := os.ReadFile(s.output)
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(kinds, func(kind string) bool {
			return !bytes.Contains(b, []byte(`"kind":"`+kind+`","stage":"ring"`))
		})
	})
	balance := s.stop()
	docs := s.documents()
	told := map[string]uint64{}
	for _, doc := range docs {
		if field(doc, "event.action") != "events_lost" {
			continue
		}
		switch stage := field(doc, "sensor.loss.stage"); {
		case stage == "recursion" && preemptible():
			continue
		case stage != "ring":
			t.Errorf("lost at stage %v, want ring", stage)
		}
		n, err := strconv.ParseUint(field(doc, "sensor.loss.count").(json.Number).String(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		told[field(doc, "sensor.loss.kind").(string)] += n
	}
	for _, kind := range kinds {
		lost := balance.Dropped["ring"][kind]
		if lost == 0 {
			t.Errorf("no %s was lost: this test needs a loss; the ledger is %s", kind, balance)
		}
		if told[kind] != lost {
			t.Errorf("events_lost tells of %d lost %s events, the ledger of %d", told[kind], kind, lost)
		}
	}
	if n := count(docs, "exec"); n != balance.Delivered["exec"] {
		t.Errorf("%d exec documents, %d delivered", n, balance.Delivered["exec"])
	}
}

func TestStopInMidStorm(t *testing.T) {
	s := start(t)
	var running sync.WaitGroup
	running.Go(func() { storm(t) })
	balance := s.stop()
	running.Wait()
	if n := count(s.documents(), "exec"); n != balance.Delivered["exec"] {
		t.Errorf("%d exec documents, %d delivered", n, balance.Delivered["exec"])
	}
}

// piped starts a sensor that writes to a pipe and gives the end to read from.
func piped(t *testing.T, args ...string) (*sensor, *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	s := command(t, args...)
	s.cmd.Stdout = write
	s.run()
	write.Close()
	return s, read
}

// TestBlockedReader has nobody read stdout: the sensor fills its queue, drops
// and counts, and still ends when it is told to.
func TestBlockedReader(t *testing.T) {
	s, read := piped(t, "-c", configFile(t, "{limits: {queue: {events: 100}}, shutdown: {grace: 100ms}}"))
	storm(t)
	balance := s.stop()
	if balance.Dropped["queue"]["exec"] == 0 {
		t.Errorf("nothing was dropped at the queue: %s", balance)
	}
	if len(balance.Dropped["shutdown"]) == 0 {
		t.Errorf("nothing was left over at the end: %s", balance)
	}
	var whole uint64
	for lines := bufio.NewReader(read); ; whole++ {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end, perhaps in the middle of a line
			break
		}
		if !json.Valid(line) {
			t.Errorf("line %d is torn: %.100s", whole+1, line)
		}
	}
	var delivered uint64
	for _, n := range balance.Delivered {
		delivered += n
	}
	if whole != delivered {
		t.Errorf("%d whole lines in the pipe, %d delivered", whole, delivered)
	}
}

// TestSlowReader reads only after the storm.
func TestSlowReader(t *testing.T) {
	s, read := piped(t)
	storm(t)
	var got bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { got.ReadFrom(read) })
	balance := s.stop()
	reading.Wait()
	if n := count(documents(t, got.Bytes()), "exec"); n != balance.Delivered["exec"] {
		t.Errorf("%d exec documents, %d delivered", n, balance.Delivered["exec"])
	}
}

// TestReaderLeaves closes the pipe: the sensor ends quietly, as filters do.
func TestReaderLeaves(t *testing.T) {
	s, read := piped(t)
	if _, err := bufio.NewReader(read).ReadBytes('\n'); err != nil {
		t.Fatal(err)
	}
	read.Close()
	storm(t) // so that there is something to write
	if code := s.end(); code != exitPipe {
		t.Errorf("exit code %d, want %d; the sensor said:\n%s", code, exitPipe, s.log)
	}
	balance := s.balance()
	if len(balance.Dropped["closed"]) == 0 {
		t.Errorf("nothing was dropped as closed: %s", balance)
	}
}

// TestIdentifiers runs two sensors at once and a third after them in the same boot.
func TestIdentifiers(t *testing.T) {
	a, b := start(t), start(t)
	acts.Run(t, "exec")
	a.stop()
	b.stop()
	c := start(t)
	acts.Run(t, "exec")
	c.stop()
	seen := map[string]string{}
	entities := map[string]map[string]string{} // pid and start → sensor → entity
	for name, s := range map[string]*sensor{"a": a, "b": b, "c": c} {
		for _, doc := range s.documents() {
			id := field(doc, "event.id").(string)
			if other, ok := seen[id]; ok {
				t.Errorf("event.id %s is in %s and in %s", id, other, name)
			}
			seen[id] = name
			if field(doc, "process") == nil {
				continue
			}
			entity, _ := field(doc, "process.entity_id").(string)
			if entity == "" {
				t.Errorf("no process.entity_id in %v", doc)
				continue
			}
			start, _, _ := bytes.Cut([]byte(field(doc, "process.start").(string)), []byte("."))
			key := field(doc, "process.pid").(json.Number).String() + " " + string(start)
			if entities[key] == nil {
				entities[key] = map[string]string{}
			}
			entities[key][name] = entity
		}
	}
	shared := 0
	for key, by := range entities {
		for _, entity := range by {
			for _, other := range by {
				if entity != other {
					t.Errorf("process %s has entities %v", key, by)
				}
			}
		}
		if len(by) == 3 {
			shared++
		}
	}
	if shared == 0 {
		t.Error("the three sensors saw no process in common")
	}
}

// TestEndsAfterDuration also shows that an idle sensor ends at once.
func TestEndsAfterDuration(t *testing.T) {
	s := start(t, "--duration", "1s")
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d; the sensor said:\n%s", code, s.log)
	}
	s.balance()
}

// TestInterrupt is what Ctrl-C does.
func TestInterrupt(t *testing.T) {
	s := start(t)
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d; the sensor said:\n%s", code, s.log)
	}
	s.balance()
}
