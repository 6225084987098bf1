// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sensor/vmtests/vm"
)

// These tests boot VMs: they need QEMU, and once the network.

func buildVictim(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a VM")
	}
	path := filepath.Join(t.TempDir(), "victim")
	build := exec.Command("go", "build", "-o", path, "./testdata/victim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build victim: %v\n%s", err, out)
	}
	return path
}

type outcome struct {
	*vm.Result
	code   int
	stdout string
	report string
}

// boot runs a command on the kernel that boots fastest, as "vmrun ARGS..." does in dir.
func boot(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	o, err := parseOptions(append([]string{"-kernel", "5.10", "-cpus", "1"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	o.dir = dir
	var stdout, log bytes.Buffer
	res, _, err := runOne(t.Context(), o, &stdout, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	report(&log, o, res)
	return outcome{res, exitCode(res), stdout.String(), log.String()}
}

func TestExitCodes(t *testing.T) {
	victim := buildVictim(t)
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stdout string // part of it
		report string // part of it, "" for no report
	}{
		{"passes", []string{victim, "exit", "0"}, 0, "", ""},
		{"fails", []string{victim, "exit", "7"}, 7, "", "exited with code 7"},
		{"killed", []string{victim, "signal"}, 128 + 9, "", "exited with code 137"},
		{"leaves an orphan", []string{"-timeout", "60s", victim, "orphan"}, 0, "", ""},
		{"panics", []string{victim, "panic"}, codeDied, "sysrq triggered crash", "the VM died"},
		{"powers off with a false marker", []string{victim, "vanish"}, codeDied, "", "the VM died"},
		{"hangs", []string{"-timeout", "15s", victim, "hang"}, codeTimeout, "main.main()", "still running at the time-out"},
		{"hangs with the whole VM", []string{"-timeout", "15s", victim, "starve"}, codeTimeout, "Comm: victim", "the VM hung: no end marker within 15s"},
		{"does not boot", []string{"-append", "rdinit=/none root=/dev/none", victim, "exit", "0"}, codeDied, "", "Kernel panic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := boot(t, t.TempDir(), tt.args...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			if !strings.Contains(got.stdout, tt.stdout) {
				t.Errorf("no %q in the output", tt.stdout)
			}
			if (tt.report == "") != (got.report == "") || !strings.Contains(got.report, tt.report) {
				t.Errorf("report %q, want one with %q", got.report, tt.report)
			}
			if tt.report != "" && !strings.Contains(got.report, "repeat with: "+self) {
				t.Errorf("report %q names no command that repeats it", got.report)
			}
			if t.Failed() {
				t.Logf("output:\n%s", got.stdout)
			}
		})
	}
}

func TestOutputIsExact(t *testing.T) {
	t.Parallel()
	got := boot(t, t.TempDir(), buildVictim(t), "exit", "0")
	if want := "unfinished line"; got.stdout != want {
		t.Errorf("output %q, want %q", got.stdout, want)
	}
}

// A package's testdata, files named on the command line, the environment and the machine as tests find them.
func TestInside(t *testing.T) {
	t.Parallel()
	victim := buildVictim(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"testdata/sub/golden":  "golden\n",
		"unpacked":             "not in the VM\n",
		"testdata/../acts/one": "one\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("one", filepath.Join(dir, "acts/link")); err != nil {
		t.Fatal(err)
	}
	got := boot(t, dir, "-file", filepath.Join(dir, "acts")+":/opt/acts", "-append", "sensor.test=1", "-env", "COLOUR=blue", "-cgroup", "v1",
		victim, "look", "testdata/sub/golden", "/opt/acts/link", "/proc/cmdline", "/proc/self/environ", "/proc/self/mounts",
		"/sys/class/net/lo/flags", "/sys/kernel/tracing/current_tracer", "/etc/machine-id")
	for _, want := range []string{
		"testdata/sub/golden: golden\n",
		"/opt/acts/link: one\n",
		"sensor.test=1",
		"COLOUR=blue",
		"SENSOR_VM=5.10",
		" /sys/fs/cgroup/unified cgroup2 ",
		" /sys/fs/cgroup/memory cgroup ",
		" /sys/fs/bpf bpf ",
		" /sys/kernel/debug debugfs ",
		" /sys/kernel/security securityfs ",
		" /dev/pts devpts ",
		" /dev/shm tmpfs ",
		"flags: 0x9\n",
		"current_tracer: nop\n",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in the output", want)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", got.stdout)
	}
	if got := boot(t, dir, victim, "look", "unpacked"); got.code == 0 {
		t.Error("a file outside of testdata was packed")
	}
}

func TestOut(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if got := boot(t, t.TempDir(), "-out", out, buildVictim(t), "files"); got.code != 0 {
		t.Fatalf("exit code %d\n%s", got.code, got.stdout)
	}
	b, err := os.ReadFile(filepath.Join(out, "a/b/file"))
	if want := "line\r\n\x00\xff"; string(b) != want {
		t.Errorf("file holds %q (%v), want %q", b, err, want)
	}
	if _, err := os.Lstat(filepath.Join(out, "link")); err == nil {
		t.Error("a symbolic link came out")
	}
}
