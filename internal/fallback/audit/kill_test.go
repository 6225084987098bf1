// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sensor/internal/events"
	"sensor/internal/fallback/audit/audittest"
	"sensor/internal/fallback/audit/rules"
)

const (
	// childState names the state directory of a source in a process of its own.
	childState = "SENSOR_AUDIT_TEST_STATE"
	// childActs is how often a process changes the mode of a file, if at all,
	// before it ends. Some hosts of these tests have no other program.
	childActs = "SENSOR_AUDIT_TEST_ACTS"
	childFile = "SENSOR_AUDIT_TEST_FILE"
)

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(childActs)); err == nil {
		for range n {
			if err := os.Chmod(os.Getenv(childFile), 0o700); err != nil {
				os.Exit(1)
			}
		}
		return
	}
	if dir := os.Getenv(childState); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// actor is a process that changes the mode of a file n times.
func actor(n int, file, argument string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", argument)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childActs, n), childFile+"="+file)
	return cmd
}

// child runs a source until it is killed.
func child(dir string) error {
	s := New(Options{
		Log: slog.New(slog.DiscardHandler), Ledger: &events.Ledger{}, StateDir: dir, Rules: []string{filepath.Join(dir, "rules")},
		Proc: proc,
	})
	if _, err := s.Open([]events.Kind{events.KindExec}); err != nil {
		return err
	}
	fmt.Println("ready")
	return s.Run(context.Background(), func(*events.Event) {})
}

// startChild runs a source in a process of its own that can be killed.
func startChild(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), childState+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd
}

// What a killed sensor has left behind, the next one removes.
func TestKilled(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The second can have no key by which it would be known again.
	text := "-w " + dir + " -p wa -k mine\n-a always,exclude -F msgtype=BPF\n"
	if err := os.WriteFile(filepath.Join(dir, "rules"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := startChild(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	left, err := control.Rules()
	if err != nil || len(left) < 3 {
		t.Fatalf("%d rules left by the killed one, %v", len(left), err)
	}
	if status, err := control.Status(); err != nil || status.Enabled != 1 || status.BacklogWaitTime != 0 {
		t.Fatalf("left by the killed one: %+v, %v", status, err)
	}

	l := open(t, []events.Kind{events.KindExec}, func(o *Options) { o.StateDir = dir })
	list, err := control.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if keys := rules.KeysOf(r); len(keys) != 1 || !strings.HasPrefix(keys[0], fmt.Sprintf("%s%d-", keyPrefix, os.Getpid())) {
			t.Errorf("a rule with the keys %q is still there", keys)
		}
	}
	if !strings.Contains(l.log.String(), "a killed sensor had left") {
		t.Error("nothing is said about it")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := control.Status()
	if err != nil || valuesOf(after) != valuesOf(before) || after.PID != 0 {
		t.Errorf("afterwards %+v, before %+v, %v", after, before, err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "audit-*")); len(files) != 0 {
		t.Errorf("left in the state directory: %v", files)
	}
}

// Whoever takes over from a killed sensor removes what that has left behind, and
// does not take it for the host's own.
func TestKilledBeside(t *testing.T) {
	control := audittest.Lock(t)
	before, err := control.Status()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := startChild(t, dir)
	l := open(t, []events.Kind{events.KindExec}, func(o *Options) { o.StateDir, o.Beside = dir, true })
	l.run()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	l.said("no audit daemon receives the records any more")
	l.end()
	after, err := control.Status()
	if err != nil || valuesOf(after) != valuesOf(before) || after.PID != 0 {
		t.Errorf("afterwards %+v, before %+v, %v", after, before, err)
	}
	if list, err := control.Rules(); err != nil || len(list) != 0 {
		t.Errorf("%d rules are left, %v", len(list), err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "audit-*")); len(files) != 0 {
		t.Errorf("left in the state directory: %v", files)
	}
}

// What a living sensor has arranged, another one does not touch.
func TestOwner(t *testing.T) {
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	if !me.lives() {
		t.Error("the test does not live")
	}
	if got, ok := parseOwner(me.String()); !ok || got != me {
		t.Errorf("%s read as %v, %v", me, got, ok)
	}
	earlier := me
	earlier.ticks--
	if earlier.lives() {
		t.Error("a former process with the same pid lives")
	}
	for _, key := range []string{"", "sensor-", "sensor-1", "sensor-1-", "sensor-0-1", "sensor--1-1", "sensor-1-1x", "sensor-01-1", "exec", "xsensor-1-1", "sensor-1-1-1"} {
		if o, ok := parseOwner(key); ok {
			t.Errorf("%q is read as %v", key, o)
		}
	}
}
