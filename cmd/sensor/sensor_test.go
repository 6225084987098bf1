// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor/internal/events"
)

// The test binary is the sensor too, so that the same file runs in a VM.
const beSensor = "SENSOR_TEST_BE_SENSOR"

func TestMain(m *testing.M) {
	if os.Getenv(beSensor) != "" {
		main()
		return
	}
	if role := os.Getenv(beHelper); role != "" {
		beHelperAs(role)
	}
	os.Exit(m.Run())
}

// patience is for what takes well under a second.
const patience = 30 * time.Second

// A sensor under test.
type sensor struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *logBuffer
	stats  string // file
	output string // file; "" if stdout went elsewhere
}

// command is the sensor, not started, its ledger going to a file of the test's.
func command(t *testing.T, args ...string) *sensor {
	t.Helper()
	s := &sensor{t: t, log: newLogBuffer(), stats: filepath.Join(t.TempDir(), "stats.json")}
	s.cmd = exec.Command("/proc/self/exe", append(args, "--stats", s.stats)...)
	s.cmd.Env = append(os.Environ(), beSensor+"=1")
	s.cmd.Stderr = s.log
	return s
}

// start starts a sensor that writes documents to a file, and waits until its hooks live.
func start(t *testing.T, args ...string) *sensor {
	t.Helper()
	if row() != "host" && !slices.Contains(args, "--kinds") && !slices.Contains(args, "-c") {
		// An emulated machine takes many seconds to verify the programs of files; TestActs has them.
		args = append(args, "--kinds", "exec,fork,exit,already_running,connect,accept,close")
	}
	s := command(t, args...)
	s.output = filepath.Join(t.TempDir(), "events.ndjson")
	out, err := os.Create(s.output)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s.cmd.Stdout = out
	s.run()
	return s
}

func (s *sensor) run() {
	s.t.Helper()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	if !s.log.wait("msg=ready", patience) {
		s.t.Fatalf("the sensor did not become ready; it said:\n%s", s.log)
	}
}

// end waits for the sensor and gives its exit code.
func (s *sensor) end() int {
	s.t.Helper()
	timer := time.AfterFunc(2*patience, func() {
		s.cmd.Process.Signal(syscall.SIGQUIT) // for the stacks
	})
	defer timer.Stop()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// stop ends the sensor as systemd does, and fails the test unless it ends well
// and its accounts add up.
func (s *sensor) stop() events.Balance {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := s.end(); code != 0 {
		s.t.Errorf("exit code %d; the sensor said:\n%s", code, s.log)
	}
	return s.balance()
}

// balance reads the ledger that the sensor left, which must add up.
func (s *sensor) balance() events.Balance {
	s.t.Helper()
	b, err := os.ReadFile(s.stats)
	if err != nil {
		s.t.Fatalf("%v; the sensor said:\n%s", err, s.log)
	}
	var balance events.Balance
	if err := json.Unmarshal(b, &balance); err != nil {
		s.t.Fatal(err)
	}
	if err := balance.Check(); err != nil {
		s.t.Error(err)
	}
	return balance
}

// documents reads what the sensor wrote, one object in each line.
func (s *sensor) documents() []map[string]any {
	s.t.Helper()
	b, err := os.ReadFile(s.output)
	if err != nil {
		s.t.Fatal(err)
	}
	return documents(s.t, b)
}

func documents(t *testing.T, lines []byte) []map[string]any {
	t.Helper()
	var docs []map[string]any
	for line := range bytes.Lines(lines) {
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var doc map[string]any
		if err := d.Decode(&doc); err != nil {
			t.Fatalf("line %d: %v: %.200s", len(docs)+1, err, line)
		}
		docs = append(docs, doc)
	}
	return docs
}

// field gives what stands at a dotted path, or nil.
func field(doc map[string]any, path string) any {
	var at any = doc
	for name := range strings.SplitSeq(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[name]
	}
	return at
}

// count counts the documents of an action.
func count(docs []map[string]any, action string) uint64 {
	var n uint64
	for _, doc := range docs {
		if field(doc, "event.action") == action {
			n++
		}
	}
	return n
}

// logBuffer keeps what the sensor says and lets a test wait for a word.
type logBuffer struct {
	write *io.PipeWriter
	words chan string
	text  chan string // holds the text so far
}

func newLogBuffer() *logBuffer {
	read, write := io.Pipe()
	l := &logBuffer{write: write, words: make(chan string, 1000), text: make(chan string, 1)}
	l.text <- ""
	go func() {
		for lines := bufio.NewScanner(read); lines.Scan(); {
			l.text <- <-l.text + lines.Text() + "\n"
			select {
			case l.words <- lines.Text():
			default:
			}
		}
	}()
	return l
}

func (l *logBuffer) Write(b []byte) (int, error) { return l.write.Write(b) }

func (l *logBuffer) String() string {
	text := <-l.text
	l.text <- text
	return text
}

// wait waits for a line that holds the word.
func (l *logBuffer) wait(word string, patience time.Duration) bool {
	timeout := time.After(patience)
	for {
		select {
		case line := <-l.words:
			if strings.Contains(line, word) {
				return true
			}
		case <-timeout:
			return false
		}
	}
}
