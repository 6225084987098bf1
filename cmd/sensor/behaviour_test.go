// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/vmtests/acts"
)

// bpfPrograms lists the programs of the sensor that the kernel knows now.
func bpfPrograms(t *testing.T) []string {
	t.Helper()
	ours := []string{"process_exec", "process_fork", "process_exit", "process_snapsho", "execve_enter", "execve_exit", "execveat_enter", "execveat_exit"}
	var names []string
	for id := ebpf.ProgramID(0); ; {
		var err error
		if id, err = ebpf.ProgramGetNextID(id); errors.Is(err, os.ErrNotExist) {
			return names
		} else if err != nil {
			t.Fatal(err)
		}
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it has just gone
		}
		if info, err := p.Info(); err == nil && slices.Contains(ours, info.Name[:min(15, len(info.Name))]) {
			names = append(names, info.Name)
		}
		p.Close()
	}
}

// TestKilledLeavesNothing kills the sensor with -9: no program, and so no map
// and no link of it, may stay, and nothing may be pinned.
func TestKilledLeavesNothing(t *testing.T) {
	needsPrograms(t)
	before := len(bpfPrograms(t))
	s := start(t, "--kinds", "exec,exec_failed")
	if n := len(bpfPrograms(t)); n <= before {
		t.Fatalf("%d programs while the sensor runs, %d before", n, before)
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	// The kernel frees them after a grace period.
	deadline := time.Now().Add(patience)
	for len(bpfPrograms(t)) > before {
		if time.Now().After(deadline) {
			t.Fatalf("these programs stay: %v", bpfPrograms(t))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestUnprivileged wants one sentence that names what is missing.
func TestUnprivileged(t *testing.T) {
	s := command(t)
	s.stats = "/dev/null"
	s.cmd.Args = []string{"sensor"}
	// Not t.TempDir, which only its owner can enter.
	dir, err := os.MkdirTemp("", "unprivileged-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "sensor")
	copyFile(t, "/proc/self/exe", binary)
	s.cmd.Path = binary
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var said bytes.Buffer
	s.cmd.Stderr = &said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if code := s.end(); code != exitUnserved {
		t.Errorf("exit code %d, want %d", code, exitUnserved)
	}
	if lines := strings.Count(said.String(), "\n"); lines != 1 {
		t.Errorf("%d lines, want one:\n%s", lines, &said)
	}
	for _, word := range []string{"CAP_BPF", "CAP_PERFMON", "root"} {
		if !strings.Contains(said.String(), word) {
			t.Errorf("it does not say %s: %s", word, &said)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestSecretsAreMasked looks for a secret anywhere in what the sensor writes:
// the arguments, the parent's, the title, the image before.
func TestSecretsAreMasked(t *testing.T) {
	run := func(s *sensor) []byte {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestSpawn$", "--", "--password=hunter2", "--token", "hunter2")
		cmd.Env = append(os.Environ(), spawn+"=1", "LD_PRELOAD=", "MY_API_TOKEN=hunter2")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		s.stop()
		b, err := os.ReadFile(s.output)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := run(start(t, "-c", configFile(t, "process: {env: [MY_API_TOKEN]}"))); bytes.Contains(b, []byte("hunter2")) {
		i := bytes.Index(b, []byte("hunter2"))
		t.Errorf("the secret is there: %s", b[max(0, i-200):min(len(b), i+50)])
	} else if !bytes.Contains(b, []byte("--password=[redacted]")) || !bytes.Contains(b, []byte(`"redacted":true`)) {
		t.Error("the masked argument is not there, or not marked")
	}
	if b := run(start(t, "-c", configFile(t, "privacy: {redact: off}"))); !bytes.Contains(b, []byte("--password=hunter2")) {
		t.Error("with redaction off the argument is not there")
	}
}

const spawn = "SENSOR_TEST_SPAWN"

// TestSpawn is run by other tests: it has a child, so that its arguments are a parent's.
func TestSpawn(t *testing.T) {
	if os.Getenv(spawn) == "" {
		return
	}
	exec.Command("/proc/self/exe", "-test.run=^$").Run()
}

// TestOwnOutputIsNoInput has tee write what the sensor writes: neither of them
// may make events out of that.
func TestOwnOutputIsNoInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "copy.ndjson")
	s, read := piped(t)
	tee := exec.Command("tee", file)
	tee.Stdin = read
	if _, err := exec.LookPath("tee"); err != nil {
		t.Skip("no tee on this host")
	}
	if err := tee.Start(); err != nil {
		t.Fatal(err)
	}
	acts.Run(t, "exec") // something to write
	s.stop()
	if err := tee.Wait(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Of tee's own life and its file: the first write, and a summary.
	allowed := map[string]int{"already_running": 1, "fork": 1, "exec": 1, "end": 1, "creation": 1, "modification": 2}
	seen := map[string]int{}
	for _, doc := range documents(t, b) {
		pid, _ := field(doc, "process.pid").(json.Number)
		n, _ := pid.Int64()
		if n != int64(tee.Process.Pid) && n != int64(s.cmd.Process.Pid) {
			continue
		}
		action := field(doc, "event.action").(string)
		seen[pid.String()+" "+action]++
		if seen[pid.String()+" "+action] > allowed[action] || n == int64(s.cmd.Process.Pid) && field(doc, "file.path") != nil {
			t.Errorf("the sensor's own doing is an event: %s of %s", action, pid)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		says []string
	}{
		{"unknown flag", []string{"--frobnicate"}, []string{"--frobnicate"}},
		{"unknown kind", []string{"--kinds", "exec,execs"}, []string{"execs"}},
		{"unknown source", []string{"--source", "magic"}, []string{"magic"}},
		{"bad output", []string{"--output", "carrier-pigeon"}, []string{"carrier-pigeon"}},
		{"no such config", []string{"-c", "/nonexistent.yaml"}, []string{"/nonexistent.yaml"}},
		{"bad config", []string{"-c", configFile(t, "limits:\n  rings:\n    critical: 8MX\nknds: {}\n")}, []string{":3:", ":4:", "8MX", "kinds"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, log bytes.Buffer
			if code := run(context.Background(), test.args, &out, &log); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if out.Len() > 0 {
				t.Errorf("it wrote to stdout: %s", &out)
			}
			for _, word := range test.says {
				if !strings.Contains(log.String(), word) {
					t.Errorf("it does not say %q: %s", word, &log)
				}
			}
		})
	}
}

var askDoctor = sync.OnceValues(func() (d diagnosis, err error) {
	var out, log bytes.Buffer
	if code := run(context.Background(), []string{"doctor", "--json"}, &out, &log); code != 0 {
		return d, fmt.Errorf("exit code %d: %s", code, &log)
	}
	return d, json.Unmarshal(out.Bytes(), &d)
})

// doctor gives what sensor doctor says of this host.
func doctor(t *testing.T) diagnosis {
	t.Helper()
	d, err := askDoctor()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDoctor wants every kind of BPF programs served by them or, on a bare row,
// the kernel's reason for every program; and every kind by somebody.
func TestDoctor(t *testing.T) {
	audittest.Lock(t) // who has the audit system now decides what it serves
	d := doctor(t)
	works := map[string]bool{}
	for _, a := range d.Kinds {
		if a.Works == (a.Reason != "") {
			t.Errorf("%s by %s: works is %v, and the reason %q", a.Kind, a.Variant, a.Works, a.Reason)
		}
	}
	for _, a := range byPrograms(d) {
		works[a.Kind] = works[a.Kind] || a.Works
		absent := strings.HasPrefix(a.Kind, "file_") && strings.Contains(a.Reason, "not found") // a newer kernel's tracepoint
		if bare() && len(a.Hooks) > 0 && !absent && !strings.Contains(a.Reason, bareRows[row()]) {
			t.Errorf("%s by %s: the reason is not %q but %q", a.Kind, a.Variant, bareRows[row()], a.Reason)
		}
	}
	for kind, served := range works {
		want := !bare() || kind == events.KindAlreadyRunning.String()
		if kind == events.KindExecFailed.String() {
			want = want && servesFailedExecs(t)
		}
		if row() == "6.1-arm64" && strings.HasPrefix(kind, "file_") {
			want = false // no trampolines on arm64 before Linux 6.4, and no ctime tracepoints before 6.13
		}
		if served != want {
			t.Errorf("kind %s is served by programs on this host: %v", kind, served)
		}
	}
	for _, a := range d.Kinds {
		works[a.Kind] = works[a.Kind] || a.Works
	}
	for _, kind := range schema().Kinds {
		// Nothing is configured to be watched, and ends of connections are told by programs and tcp_diag alone, which the VMs lack.
		want := kind.Name != events.KindFileIntegrity.String()
		if bare() && kind.Name == events.KindClose.String() {
			want = false
		}
		if works[kind.Name] != want {
			t.Errorf("kind %s is served on this host: %v", kind.Name, works[kind.Name])
		}
		if said := slices.Contains(d.Blind, "kind "+kind.Name+": nothing serves it"); said == want {
			t.Errorf("kind %s: what is blind here is %q", kind.Name, d.Blind)
		}
	}
	var out bytes.Buffer
	if err := d.write(&out); err != nil || !strings.Contains(out.String(), "sched_process_exec") {
		t.Errorf("%v, it says:\n%s", err, &out)
	}
}

func TestFileOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, []byte(`{"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "--output", "file:"+path)
	acts.Run(t, "exec")
	balance := s.stop()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(first) != `{"torn` {
		t.Errorf("the first line became %.100s", first)
	}
	if n := count(documents(t, rest), "exec"); n != balance.Delivered["exec"] {
		t.Errorf("%d exec documents, %d delivered", n, balance.Delivered["exec"])
	}
	if b, _ := os.ReadFile(s.output); len(b) > 0 {
		t.Errorf("stdout has %d bytes", len(b))
	}
}
